// Whole pieces of work, from data of one's own to what is taken along.
import assert from "node:assert/strict";
import { bytesOf, textOf } from "./harness.mjs";
import { linkHolds, runs } from "./tools.mjs";

export const STUDIES = [
  {
    name: "a loss log is fitted, its schedule optimised, exported and shared",
    async run({ open }) {
      const lab = await open("#lr", "?kernels=cpu");
      await runs(lab, "lr");
      // Two runs of one law: a constant rate, and one that cools down.
      const log = ["run,step,lr,loss"];
      for (const cooled of [false, true]) {
        let [sum, fallen, momentum, last] = [0, 0, 0, 3e-4];
        for (let step = 0; step < 3000; step += 1) {
          const rate = 3e-4 * Math.min(1, (step + 1) / 200) * (cooled && step > 1800 ? (3000 - step) / 1200 : 1);
          sum += rate;
          momentum = 0.99 * momentum + (step < 200 ? 0 : last - rate);
          fallen += momentum;
          last = rate;
          if (step >= 300 && step % 25 === 0) {
            const loss = 2.6 + 0.6 * sum ** -0.45 - 3 * fallen;
            log.push(`${cooled ? "cooled" : "flat"},${step},${rate.toPrecision(8)},${loss.toFixed(6)}`);
          }
        }
      }
      await lab.drop("loss.csv", Buffer.from(`${log.join("\n")}\n`));
      await lab.by("button", "Use in the lr lab").waitFor({ state: "attached" });
      await lab.press("Use in the lr lab");
      await lab.until("the log in the setup", (s) => JSON.stringify(s.setups[0].setup).includes("loss.csv"));
      const fitted = await lab.settled("the fit");
      assert.equal(fitted.setups[0].error, null, "it fits");
      const { final_loss: before, fit_error: error } = fitted.setups[0].results;
      assert.ok(error < 0.02, `the law fits its own data: ${error}`);
      assert.ok(before > 2 && before < 4, `a plausible loss: ${before}`);
      await lab.by("combobox", "Schedule").first().dispatchEvent("click");
      await lab.press("law optimum");
      await lab.until("the optimum in the setup", (s) => s.setups[0].setup.config.shape === "law_optimal");
      const optimised = await lab.settled("the optimum");
      assert.equal(optimised.setups[0].error, null, "it is found");
      const after = optimised.setups[0].results.final_loss;
      assert.ok(after <= before + 1e-3, `the optimum ends at ${after}, WSD at ${before}`);
      const download = lab.page.waitForEvent("download", { timeout: 60_000 });
      await lab.key("e");
      const table = (await textOf(download));
      assert.match(table.split("\n")[0], /schedule|step/, "a table with a header");
      for (const [button, pattern] of [
        ["PyTorch code", /scheduler = LambdaLR\(optimizer, share\)/],
        ["optax code", /jnp\.interp\(step/],
        ["Rates as CSV", /^step,lr\n0,/],
      ]) {
        const saved = lab.page.waitForEvent("download", { timeout: 60_000 });
        await lab.press(button);
        assert.match(await textOf(saved), pattern, button);
      }
      await linkHolds(lab, open, optimised, "the link holds the setup, not the data");
      return lab;
    },
  },
  {
    name: "a mixture is drawn, its schedule optimised, compared, exported and shared",
    async run({ open }) {
      const lab = await open("#noise", "?kernels=cpu");
      await runs(lab, "noise");
      await lab.press("To end");
      await lab.press("Draw data");
      const config = (s, i = 0) => s.setups[i].setup.config;
      await lab.until("drawn data", (s) => config(s).data === "drawn");
      const before = config(await lab.settled("the drawing")).modes.length;
      await lab.press("Add a mode");
      await lab.until("one mode more", (s) => config(s).modes.length === before + 1);
      const drawn = await lab.settled("the drawn data");
      assert.equal(drawn.setups[0].error, null, "it runs");
      await lab.by("combobox", "Schedule").first().dispatchEvent("click");
      await lab.press("optimal for this data");
      await lab.until("the optimum in the setup", (s) => config(s).schedule === "optimal");
      const optimised = await lab.settled("the search");
      assert.equal(optimised.setups[0].error, null, "it is found");
      await lab.key("c");
      await lab.until("a second setup", (s) => s.setups.length === 2);
      await lab.by("combobox", "Schedule").first().dispatchEvent("click");
      await lab.press("exponential");
      const differs = (s) => config(s, 0).schedule !== config(s, 1).schedule;
      await lab.until("another schedule in one of the two", differs);
      const compared = await lab.settled("the comparison");
      for (const one of compared.setups) {
        assert.equal(one.error, null, "both run");
        assert.equal(one.setup.config.modes.length, before + 1, "on the same data");
        assert.ok(one.results.sliced_w2 > 0, "a distance to the truth");
      }
      const download = lab.page.waitForEvent("download", { timeout: 60_000 });
      await lab.press("Levels, JSON");
      const levels = JSON.parse(await textOf(download));
      assert.equal(levels.sigmas.at(-1), 0, "the list ends clean");
      assert.ok(levels.sigmas.every((s, k) => k === 0 || s < levels.sigmas[k - 1]), "and falls");
      assert.equal(levels.timesteps.length, levels.sigmas.length - 1, "a time for every call");
      await linkHolds(lab, open, compared, "the link holds the comparison");
      return lab;
    },
  },
  {
    name: "a Gaussian field at three sides shows the shift by resolution",
    async run({ open }) {
      const lab = await open("#exhibit/simple-diffusion", "?kernels=cpu");
      const snapshot = await runs(lab, "noise");
      const { w2_small, w2_large, w2_moved, log_snr_move } = snapshot.setups[0].results;
      assert.ok(w2_large > w2_small, `more pixels, same levels: ${w2_large} against ${w2_small}`);
      assert.ok(w2_moved < w2_large, `moved levels: ${w2_moved} against ${w2_large}`);
      assert.ok(log_snr_move < 0 && log_snr_move >= -2 * Math.log(4) - 1e-9, `${log_snr_move}`);
      const picture = lab.by("img", "Gaussian fields. Step", false);
      await picture.first().waitFor({ state: "attached" });
      const download = lab.page.waitForEvent("download", { timeout: 60_000 });
      await lab.press("Picture strip, PNG");
      assert.equal((await bytesOf(download)).subarray(1, 4).toString(), "PNG", "a picture");
      await linkHolds(lab, open, snapshot, "the link holds the field");
      return lab;
    },
  },
  {
    name: "one image stands under several schedules, and tokens are unmasked in another order",
    async run({ open }) {
      const lab = await open("#noise", "?kernels=cpu");
      await runs(lab, "noise");
      const config = (s) => s.setups[0].setup.config;
      await lab.by("combobox", "World").first().dispatchEvent("click");
      await lab.press("small images");
      await lab.until("the image world", (s) => config(s).world === "images");
      assert.equal((await lab.settled("the images")).setups[0].error, null, "it runs");
      await lab.by("checkbox", "same image, other schedules").dispatchEvent("click");
      const grid = lab.by("img", "One image under several schedules", false);
      await grid.first().waitFor({ state: "attached" });
      await lab.by("combobox", "World").first().dispatchEvent("click");
      await lab.press("masked tokens");
      await lab.until("the token world", (s) => config(s).world === "tokens");
      const halton = (await lab.settled("Halton's order")).setups[0].results.kl;
      await lab.by("combobox", "Order").first().dispatchEvent("click");
      await lab.press("left to right");
      await lab.until("another order", (s) => config(s).order === "left_to_right");
      const raster = (await lab.settled("left to right")).setups[0].results.kl;
      assert.ok(raster > halton, `left to right costs ${raster}, Halton ${halton}`);
      return lab;
    },
  },
  {
    name: "a scheduler config is dropped, and laid beside the papers' grid",
    async run({ open }) {
      const lab = await open("#noise", "?kernels=cpu");
      await runs(lab, "noise");
      const text = JSON.stringify({ _class_name: "FlowMatchEulerDiscreteScheduler", shift: 3.0 });
      await lab.drop("scheduler_config.json", Buffer.from(text));
      await lab.by("button", "Use in the noise lab").waitFor({ state: "attached" });
      await lab.press("Use in the noise lab");
      await lab.until("the list in the setup", (s) => s.setups[0].setup.config.schedule === "custom");
      assert.equal((await lab.settled("the list")).setups[0].error, null, "it runs");
      await lab.press("Schedules");
      for (const name of ["First schedule", "Second schedule"]) {
        const field = lab.by("textbox", name);
        await field.waitFor({ state: "attached" });
        await field.fill(text);
      }
      const paper = lab.by("checkbox", "Second schedule as the papers define it");
      await paper.dispatchEvent("click");
      const part = lab.page.locator("#schedlab-mirror").getByText(/They part at step/);
      await part.first().waitFor({ state: "attached" });
      return lab;
    },
  },
];
