// What holds with every kind of graphics: places, playing, links, the numbers of the command line.
import assert from "node:assert/strict";
import { LABS, configs, results } from "./labs.mjs";
import { serve } from "./server.mjs";
import { allowed, deviation, makeDiffer, native, runs } from "./tools.mjs";

/** Systems whose runs take a moment even in a build for development; networks that are pruned are
 * trained first, so one of them is compared by the lab's own test. */
const TWENTY = [
  "orca", "vllm", "sglang", "srpt", "vtc", "sarathi-serve", "mlfq", "priority",
  "annealing-law", "river-valley", "convex-bound", "multi-power-law", "mpl-optimum",
  "linear-subspace", "halton-scheduler", "dus", "simple-diffusion",
  "switch", "expert-choice", "loss-free-balancing",
];

/** A first visit to the home page, while the second part of the module is held back until `release`. */
async function withoutLabs(openRaw, answer) {
  let release;
  const released = new Promise((done) => (release = done));
  const prepare = (page) => page.route("**/*_labs_bg.wasm", (route) => released.then(() => answer(route)));
  const lab = await (await openRaw("", "", undefined, { prepare })).started();
  assert.equal(await lab.page.evaluate(() => window.schedlabPage.whole()), false, "the labs are not here");
  return { lab, release };
}

export const EVERYWHERE = [
  {
    name: "the home page shows five labs and says what this is",
    async run({ open }) {
      const lab = await open("");
      const snapshot = await lab.snapshot();
      assert.match(snapshot.version, /^\d+\.\d+\.\d+$/, "a version");
      for (const words of ["Serving", "Learning rates", "Noise", "Routing", "Pruning"]) {
        await lab.by("button", new RegExp(`^${words} lab`), false).first().waitFor({ state: "attached" });
      }
      await lab.press(/^Routing lab/, false);
      await runs(lab, "routing");
      await lab.page.goBack();
      await lab.until("the home page after Back", (s) => s.lab === null);
      return lab;
    },
  },
  {
    name: "the home page is there before the labs, and what is asked for meanwhile opens when they are here",
    async run({ openRaw }) {
      const { lab, release } = await withoutLabs(openRaw, (route) => route.continue());
      await lab.press("Theme");
      await lab.press(/^Routing lab/, false);
      await lab.message(/labs are still on their way/);
      assert.equal((await lab.snapshot()).lab, null, "the home page waits");
      release();
      await runs(lab, "routing");
      return lab;
    },
  },
  {
    name: "labs that do not arrive are fetched again when asked, and nothing is lost",
    async run({ openRaw }) {
      let refused = 0;
      const { lab, release } = await withoutLabs(openRaw, (route) =>
        refused++ === 0 ? route.abort() : route.continue(),
      );
      await lab.press(/^Pruning lab/, false);
      await lab.message(/labs are still on their way/);
      release();
      const notice = lab.page.locator("#notice");
      await notice.getByText("The labs did not arrive").waitFor();
      await notice.getByRole("button", { name: "Try again" }).click();
      await runs(lab, "pruning");
      // What the browser says of the refusal.
      assert.match(lab.errors.pop(), /ERR_FAILED/);
      return lab;
    },
  },
  ...LABS.map((kind) => ({
    name: `${kind}: opens, plays, steps forward and back`,
    async run({ open }) {
      const lab = await open(`#${kind}`);
      await runs(lab, kind);
      await lab.press("To start");
      const start = await lab.until("the start", (s) => s.playhead < s.end / 1e6);
      await lab.press("Step forward");
      const one = await lab.until("a step forward", (s) => s.playhead > start.playhead);
      await lab.press("Step forward");
      const two = await lab.until("a second step", (s) => s.playhead > one.playhead);
      await lab.press("Step back");
      await lab.until("a step back", (s) => s.playhead === one.playhead);
      await lab.press("Play");
      await lab.until("movement", (s) => s.playhead > two.playhead || !s.playing);
      await lab.press("To end");
      await lab.until("the end", (s) => s.playhead === s.end && !s.playing);
      return lab;
    },
  })),
  ...LABS.map((kind) => ({
    name: `${kind}: the same numbers as on the command line`,
    long: kind === "pruning",
    async run({ open, schedlab }) {
      const lab = await open(`#${kind}`, "?kernels=cpu");
      const snapshot = await runs(lab, kind);
      for (const one of snapshot.setups) {
        assert.equal(one.path, "cpu", "computed on the CPU");
        assert.equal(deviation(one.results, await native(schedlab, one.setup)), 0, "not equal in every bit");
      }
      return lab;
    },
  })),
  {
    name: "a story's link opens its scene and its buttons lead on",
    async run({ open }) {
      const lab = await open("#story/decode-stalls/3");
      const snapshot = await runs(lab, "serving");
      assert.equal(snapshot.setups.length, 2, "two schedulers");
      await lab.press("To end");
      await lab.by("button", "Next").waitFor({ state: "attached" });
      await lab.press("Next");
      await lab.by("button", "Back").waitFor({ state: "attached" });
      assert.match(await lab.page.evaluate(() => location.hash), /^#story\/decode-stalls\/[34]$/);
      return lab;
    },
  },
  {
    name: "the claims page lists the claims and opens a system",
    async run({ open }) {
      const lab = await open("#claims");
      await lab.by("heading", "Claims").first().waitFor({ state: "attached" });
      await lab.press("Open in the lab");
      await lab.until("a system", (s) => s.exhibit !== undefined && s.exhibit !== null);
      return lab;
    },
  },
  {
    name: "an embedded page shows the picture and the transport alone",
    async run({ open }) {
      const lab = await open("#serving", "?embed");
      await runs(lab, "serving");
      await lab.by("button", "Play").or(lab.by("button", "Pause")).first().waitFor({ state: "attached" });
      assert.equal(await lab.by("button", "Share").count(), 0, "no other buttons");
      return lab;
    },
  },
  {
    name: "after the first visit the page works without a network",
    async run({ open, page }) {
      const host = await serve(page, "/offline/");
      try {
        const lab = await open("#routing", "", host.root);
        const first = await runs(lab, "routing");
        await lab.page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
        await lab.page.waitForFunction(() => navigator.serviceWorker.controller !== null);
        // The module is put aside when it is known to be the one in use.
        const kept = () => lab.page.evaluate(async () => {
          const used = await caches.match("./used-modules");
          return Boolean(used) && (await used.json()).length > 0;
        });
        while (!(await kept())) await lab.page.waitForTimeout(100);
        await host.close();
        await lab.page.reload();
        await lab.started();
        const again = await runs(lab, "routing");
        assert.deepEqual(results(again), results(first), "the same results");
        return lab;
      } finally {
        await host.close().catch(() => {});
      }
    },
  },
  {
    name: "the page's policy stops scripts that are not its own",
    async run({ open }) {
      const lab = await open("#serving");
      await runs(lab, "serving");
      const stopped = await lab.page.evaluate(async () => {
        const seen = [];
        document.addEventListener("securitypolicyviolation", (event) => seen.push(event.effectiveDirective));
        const script = document.createElement("script");
        script.textContent = "window.strayed = true";
        document.body.append(script);
        await fetch("https://example.org/").catch(() => {});
        await new Promise((done) => setTimeout(done, 200));
        return { seen, strayed: Boolean(window.strayed) };
      });
      assert.equal(stopped.strayed, false, "an inline script ran");
      assert.deepEqual(stopped.seen.sort(), ["connect-src", "script-src-elem"]);
      // The two refusals above are what the console has to say.
      const [refusals, others] = [/Content.Security.Policy|Refused|violates/i, []];
      for (const text of lab.errors) if (!refusals.test(text)) others.push(text);
      lab.errors.splice(0, lab.errors.length, ...others);
      return lab;
    },
  },
  {
    name: "Escape, then Tab, leaves the picture",
    async run({ open }) {
      const lab = await open("#serving");
      await runs(lab, "serving");
      await lab.page.evaluate(() => {
        window.left = 0;
        document.getElementById("canvas").addEventListener("blur", () => (window.left += 1));
      });
      const left = () => lab.page.evaluate(() => window.left);
      await lab.key("Tab");
      assert.equal(await left(), 0, "Tab alone moves inside the picture");
      await lab.page.keyboard.press("Escape");
      await lab.page.keyboard.press("Tab");
      assert.equal(await left(), 1, "the focus has left the picture");
      return lab;
    },
  },
  {
    name: "a share link opens the same setups with the same results",
    async run({ open, root }) {
      const lab = await open("#serving");
      await runs(lab, "serving");
      await lab.press("+ Compare");
      await lab.until("a second setup", (s) => s.setups.length === 2);
      await makeDiffer(lab);
      const first = await lab.settled();
      await lab.until("the address", () => true);
      await lab.page.waitForTimeout(500);
      const hash = new URL(lab.page.url()).hash;
      assert.match(hash, /^#serving\/\d+\/[\w-]+$/, `a link: ${hash}`);
      assert.ok((root + hash).length <= 2000, "short enough");
      const other = await open(hash);
      const second = await other.settled();
      assert.deepEqual(configs(second), configs(first), "the same setups");
      assert.deepEqual(results(second), results(first), "the same results");
      await other.close();
      return lab;
    },
  },
  {
    name: "twenty systems give the numbers of the command line: bit for bit on the CPU, within bounds by kernels",
    long: true,
    async run({ open, schedlab, graphics }) {
      const lab = await open("#home", graphics === "webgpu" ? "?kernels=gpu" : "");
      for (const id of TWENTY) {
        await lab.page.evaluate((place) => (location.hash = place), `#exhibit/${id}`);
        await lab.until(`the system ${id}`, (s) => s?.exhibit === id);
        for (const one of (await lab.settled(`results of ${id}`)).setups) {
          assert.equal(one.error, null, `${id}: ${one.error}`);
          const worst = deviation(one.results, await native(schedlab, one.setup));
          assert.ok(worst <= allowed(one), `${id}, ${one.path}: relative deviation ${worst}`);
        }
      }
      return lab;
    },
  },
];
