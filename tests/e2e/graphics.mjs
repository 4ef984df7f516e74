// A graphics device that is lost, and browsers without one.
import assert from "node:assert/strict";
import { LABS, configs } from "./labs.mjs";
import { runs } from "./tools.mjs";

/** Needs a graphics device to lose: WebGPU's is destroyed, WebGL's context taken away. */
export const LOSS = LABS.map((kind) => ({
  name: `${kind}: after the loss of the device results go on, and drawing starts again`,
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
