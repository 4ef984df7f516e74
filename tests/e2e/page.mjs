// The page itself: what is kept, what is refused in words, windows of other sizes, idling, a panic.
import assert from "node:assert/strict";
import { textOf } from "./harness.mjs";
import { LABS, configs } from "./labs.mjs";
import { runs } from "./tools.mjs";

export const PAGE = [
  {
    name: "the setup is saved as a file",
    async run({ open }) {
      const lab = await open("#noise");
      const before = await runs(lab, "noise");
      await lab.press("More");
      const download = lab.page.waitForEvent("download", { timeout: 60_000 });
      await lab.press(/^Save setup as a file/, false);
      const saved = JSON.parse(await textOf(download));
      assert.deepEqual(saved.setups, configs(before), "the file holds the setup");
      return lab;
    },
  },
  {
    name: "a setup kept under a name is there after a reload",
    async run({ open }) {
      const lab = await open("#exhibit/switch");
      const kept = configs(await runs(lab, "routing"));
      await lab.key("k");
      await lab.by("textbox", "Name").fill("my router");
      await lab.press("Keep");
      await lab.message(/Kept as/);
      await lab.press("Home");
      await lab.until("the home page", (s) => s?.lab === null);
      await lab.by("button", "my router").waitFor({ state: "attached" });
      // The storage is written when the page is hidden, as when it is left.
      await lab.page.goto("about:blank");
      await lab.page.goto(`${lab.root}#home`);
      await lab.started();
      await lab.press("my router");
      await lab.press("Open");
      assert.deepEqual(configs(await runs(lab, "routing")), kept, "the same setup");
      return lab;
    },
  },
  {
    name: "a browser that stores nothing is told of, and the setup is kept until the page closes",
    async run({ open }) {
      const lab = await open("#exhibit/switch");
      const kept = configs(await runs(lab, "routing"));
      await lab.page.evaluate(() => {
        Storage.prototype.setItem = () => {
          throw new DOMException("full", "QuotaExceededError");
        };
      });
      await lab.key("k");
      await lab.by("textbox", "Name").fill("my router");
      await lab.press("Keep");
      await lab.message(/storage is full or switched off/);
      await lab.press("Home");
      await lab.press("my router");
      await lab.press("Open");
      assert.deepEqual(configs(await runs(lab, "routing")), kept, "the same setup");
      return lab;
    },
  },
  {
    name: "a clipboard that refuses leaves the link to be copied by hand",
    async run({ open }) {
      const lab = await open("#routing");
      await runs(lab, "routing");
      await lab.page.evaluate(() => {
        navigator.clipboard.writeText = () => Promise.reject(new DOMException("no", "NotAllowedError"));
      });
      await lab.press("Share");
      assert.match(await lab.message(/does not allow copying/), /#routing\/1\//, "the link is shown");
      return lab;
    },
  },
  {
    name: "a file that cannot be read to its end is refused, and the setup stays",
    async run({ open }) {
      const lab = await open("#serving");
      const before = await runs(lab, "serving");
      await lab.page.evaluate(() => {
        // The first slice arrives, the second does not.
        const whole = Blob.prototype.arrayBuffer;
        let slices = 0;
        Blob.prototype.arrayBuffer = function () {
          slices += 1;
          return slices > 1 ? Promise.reject(new DOMException("gone", "NotReadableError")) : whole.call(this);
        };
        const rows = "0.5,100,20\n".repeat(1_700_000);
        const transfer = new DataTransfer();
        transfer.items.add(new File(["arrival_secs,prompt_tokens,output_tokens\n", rows], "long.csv"));
        const canvas = document.getElementById("canvas");
        for (const kind of ["dragenter", "dragover", "drop"]) {
          canvas.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }
      });
      assert.match(await lab.message(/long\.csv/), /gone|read/i, "which file and why");
      assert.deepEqual(configs(await lab.settled()), configs(before), "the setup stays");
      return lab;
    },
  },
  {
    name: "at 200 % zoom and on a phone every lab's transport lies within the window",
    long: true,
    async run({ open }) {
      const lab = await open("#serving");
      // A window of 1,280 by 800 has half as many pixels of its own at 200 %.
      for (const [width, height] of [[640, 400], [390, 844]]) {
        await lab.page.setViewportSize({ width, height });
        for (const kind of LABS) {
          await lab.page.evaluate((hash) => (location.hash = hash), `#${kind}`);
          await lab.until(`the ${kind} lab`, (s) => s?.lab === kind);
          await lab.settled();
          for (const name of ["Step back", "Play", "Step forward"]) {
            const inside = async () => {
              const box = await lab.by("button", name).first().boundingBox();
              return box !== null && box.width >= 20 && box.height >= 20 && box.x >= 0 && box.y >= 0 &&
                box.x + box.width <= width && box.y + box.height <= height;
            };
            const end = Date.now() + 20_000;
            while (!(await inside())) {
              assert.ok(Date.now() < end, `${kind}: '${name}' is not within ${width} by ${height}`);
              await lab.page.waitForTimeout(100);
            }
          }
        }
      }
      return lab;
    },
  },
  {
    name: "text typed into the mirror filters the gallery",
    async run({ open }) {
      const lab = await open("");
      const field = lab.by("textbox", "Search");
      await field.fill("no such system anywhere");
      await lab.by("button", "Show all").waitFor({ state: "attached" });
      await lab.press("Show all");
      await lab.page.waitForFunction(() =>
        document.querySelector("#schedlab-mirror input[aria-label=Search]").value === "");
      return lab;
    },
  },
  {
    name: "an idle tab draws no frames",
    async run({ open }) {
      const lab = await open("#routing");
      await runs(lab, "routing");
      await lab.press("To end");
      await lab.until("the end", (s) => !s.playing);
      await lab.page.waitForTimeout(3000);
      assert.equal(await lab.framesIn(2000), 0, "frames drawn in two idle seconds");
      return lab;
    },
  },
  {
    name: "a link that is damaged is refused in words and opens the lab",
    async run({ open }) {
      const lab = await open("#noise/1/AAAA");
      await lab.message(/link|setup/i);
      await runs(lab, "noise");
      return lab;
    },
  },
  {
    name: "a panic becomes a readable report that keeps the setup",
    async run({ open }) {
      const lab = await open("#lr");
      await runs(lab, "lr");
      await lab.key("k");
      await lab.by("textbox", "Name").fill("before the panic");
      await lab.press("Keep");
      await lab.message(/Kept as/);
      await lab.page.waitForTimeout(400);
      const address = lab.page.url();
      await lab.page.evaluate(() => window.schedlabPage.panic("a test of the report"));
      const notice = lab.page.locator("#notice");
      assert.match(await notice.innerText(), /a test of the report[\s\S]*setup: #lr\//, "the report");
      await lab.page.getByRole("button", { name: "Reload with this setup" }).click();
      await lab.started();
      assert.equal((await runs(lab, "lr")).lab, "lr", "the lab is back");
      assert.equal(lab.page.url().split("/")[3], address.split("/")[3], "the address is kept");
      await lab.press("Home");
      await lab.by("button", "before the panic").waitFor({ state: "attached" });
      return lab;
    },
  },
];
