// What a person changes in a lab: parameters, comparisons, where kernels run; the machine measured.
import assert from "node:assert/strict";
import { textOf } from "./harness.mjs";
import { LABS, configs, results } from "./labs.mjs";
import { allowed, deviation, native, runs, slider } from "./tools.mjs";

export const CHANGES = [
  {
    name: "the machine is measured until that is cancelled, and what is known by then is saved",
    long: true,
    async run({ open }) {
      const lab = await open("#bench");
      await lab.press("Measure");
      // On a device played by the CPU, all kernels take minutes; the native tests measure them.
      await lab.until(
        "all hot paths and some kernels", ({ bench }) => bench?.report?.hot_paths?.length > 0 && (bench.report.kernels.length >= 4 || !bench.running),
      );
      if ((await lab.snapshot()).bench.running) await lab.press("Cancel");
      const { bench } = await lab.until("the end", (s) => s.bench.running === false);
      const download = lab.page.waitForEvent("download");
      await lab.press("Save as JSON");
      const report = JSON.parse(await textOf(download));
      assert.deepEqual(report, bench.report, "the file holds what is on screen");
      assert.deepEqual(report.problems, []);
      assert.ok(report.hot_paths.length > 10, `${report.hot_paths.length} hot paths`);
      for (const { id, per_second, cost_multiply_adds } of report.hot_paths) {
        assert.ok(per_second > 0 && cost_multiply_adds > 0, id);
      }
      assert.ok(report.kernels.length >= 4, `${report.kernels.length} kernels`);
      for (const { kernel, bytes_per_second } of report.kernels) {
        assert.ok(bytes_per_second > 0, kernel);
      }
      return lab;
    },
  },
  ...LABS.map((kind) => ({
    name: `${kind}: a parameter changes by keyboard and by pointer, and undo takes it back`,
    async run({ open }) {
      const lab = await open(`#${kind}`);
      const before = await runs(lab, kind);
      const same = (s) => JSON.stringify(configs(s)) === JSON.stringify(configs(before));
      let range = await slider(lab);
      await range.focus();
      await range.press("ArrowRight");
      await lab.until("a change by keyboard", (s) => !same(s));
      const changed = await lab.settled();
      assert.equal(changed.setups[0].error, null, "the new value is allowed");
      await lab.page.waitForTimeout(400);
      await lab.press("Undo");
      await lab.until("the change undone", same);
      const undone = await lab.settled();
      assert.deepEqual(results(undone), results(before), "the first results again");

      range = await slider(lab);
      const box = await range.boundingBox();
      const y = box.y + box.height / 2;
      const at = (share) => [box.x + 8 + (box.width - 16) * share, y];
      const { mouse } = lab.page;
      await mouse.move(...at(0.3));
      await lab.page.waitForTimeout(300);
      await mouse.down();
      await lab.page.waitForTimeout(300);
      await mouse.move(...at(0.45), { steps: 3 });
      await lab.page.waitForTimeout(300);
      await mouse.up();
      await lab.until("a change by pointer", (s) => !same(s));
      await lab.settled();
      return lab;
    },
  })),
  ...LABS.map((kind) => ({
    name: `${kind}: A and B are compared with one playhead and one seed`,
    async run({ open }) {
      const lab = await open(`#${kind}`);
      const alone = await runs(lab, kind);
      await lab.key("c");
      await lab.until("a second setup", (s) => s.setups.length === 2);
      const pair = await lab.settled();
      assert.deepEqual(results(pair)[1], results(pair)[0], "equal setups give equal results");
      assert.deepEqual(results(pair)[0], results(alone)[0], "A stays as it was");
      await lab.key("s");
      await lab.until("another seed", (s) => s.setups.every((one, i) =>
        JSON.stringify(one.setup) !== JSON.stringify(pair.setups[i].setup)));
      const again = await lab.settled();
      assert.deepEqual(configs(again)[1], configs(again)[0], "both have the new seed");
      for (const mode of ["overlay", "difference", "table", "side"]) {
        await lab.key("v");
        await lab.until(`the view ${mode}`, (s) => s.mode === mode);
      }
      return lab;
    },
  })),
  ...LABS.map((kind) => ({
    name: `${kind}: the kernels' numbers agree with the CPU's`,
    long: kind === "pruning",
    async run({ open, schedlab }) {
      const lab = await open(`#${kind}`, "?kernels=gpu");
      const snapshot = await runs(lab, kind);
      for (const one of snapshot.setups) {
        const worst = deviation(one.results, await native(schedlab, one.setup));
        assert.ok(worst <= allowed(one), `${one.path}: relative deviation ${worst}`);
      }
      // Measured once the results are there; kernels of later runs are built with it.
      if (kind === "serving") {
        await lab.until("the shape of kernels", (s) => /workgroups of \d+/.test(s.kernels));
      }
      return lab;
    },
  })),
];
