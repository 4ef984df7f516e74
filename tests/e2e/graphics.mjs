// A graphics device that is lost, and browsers without one.
import assert from "node:assert/strict";
import { LABS, configs } from "./labs.mjs";
import { runs } from "./tools.mjs";

/** Needs a graphics device to lose: WebGPU's is destroyed, WebGL's context taken away. */
export const LOSS = LABS.map((kind) => ({
  name: `${kind}: after the loss of the device results go on, and drawing starts again`,
  breaks: true,
  async run({ open, graphics }) {
    const lab = await open(`#${kind}`, graphics === "webgpu" ? "?kernels=gpu" : "");
    const before = await runs(lab, kind);
    await lab.page.waitForTimeout(500);
    await lab.page.evaluate(() => window.schedlab.loseDevice());
    const notice = lab.page.locator("#notice");
    await notice.getByText("The graphics device was lost").waitFor({ timeout: 60_000 });
    if (graphics === "webgpu") {
      const after = await lab.settled("results on the CPU");
      assert.equal(after.kernels_on, "cpu", "kernels run on the CPU now");
      assert.equal(after.setups[0].path, "cpu", "the results come from the CPU");
      assert.deepEqual(configs(after), configs(before), "the setup stays");
    }
    await notice.getByRole("button", { name: "Start again" }).click();
    await lab.started();
    const again = await runs(lab, kind);
    assert.deepEqual(configs(again), configs(before), "the same setup");
    await lab.press("Step back");
    return lab;
  },
}));

/** The device has no memory left for what the kernels of a lab want. */
export const MEMORY = LABS.map((kind) => ({
  name: `${kind}: without memory on the device the CPU computes, and the reason is told`,
  async run({ open }) {
    const lab = await open("", "?kernels=gpu");
    await lab.until("kernels on the device", (s) => s.kernels_on === "gpu");
    await lab.page.evaluate((hash) => {
      const { pushErrorScope, popErrorScope } = GPUDevice.prototype;
      const scopes = [];
      GPUDevice.prototype.pushErrorScope = function (filter) {
        scopes.push(filter);
        return pushErrorScope.call(this, filter);
      };
      GPUDevice.prototype.popErrorScope = async function () {
        const full = scopes.pop() === "out-of-memory";
        const error = await popErrorScope.call(this);
        return full ? new GPUOutOfMemoryError("no memory left") : error;
      };
      location.hash = hash;
    }, `#${kind}`);
    await lab.until(`the ${kind} lab`, (s) => s?.lab === kind);
    const after = await runs(lab, kind);
    assert.equal(after.setups[0].path, "cpu", "the results come from the CPU");
    // The setups that the other labs open with have no kernels and ask the device for nothing.
    if (["noise", "routing", "pruning"].includes(kind)) {
      assert.match(after.kernels, /CPU [\s\S]*out of memory/i, "the reason is told");
    }
    const others = lab.errors.filter((text) => !/out of memory/i.test(text));
    lab.errors.splice(0, lab.errors.length, ...others);
    return lab;
  },
}));

export const WITHOUT_GPU = [
  {
    name: "without WebGPU and WebGL2 the page says so in plain words",
    async run({ openRaw }) {
      const lab = await openRaw("");
      const notice = lab.page.locator("#notice");
      await notice.waitFor({ state: "visible", timeout: 60_000 });
      const text = await notice.innerText();
      assert.match(text, /needs WebGPU or WebGL2/, text);
      assert.match(text, /acceleration/, "what can be done");
      assert.equal(await lab.snapshot(), null, "nothing runs");
      await notice.getByRole("button", { name: "Try again" }).waitFor();
      return lab;
    },
  },
  {
    name: "a browser without vector instructions is told which ones have them",
    async run({ openRaw }) {
      const lab = await openRaw("");
      await lab.page.addInitScript(() => {
        WebAssembly.validate = () => false;
      });
      await lab.page.reload();
      const notice = lab.page.locator("#notice");
      await notice.getByText("needs a newer browser").waitFor({ timeout: 60_000 });
      assert.match(await notice.innerText(), /Safari since 16\.4/, "what can be done");
      assert.equal(await lab.snapshot(), null, "nothing runs");
      return lab;
    },
  },
];
