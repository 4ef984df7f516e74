// What tests of several topics do with a page of the application.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { configs } from "./labs.mjs";

/** Results of `schedlab run` for a setup, by metric. */
export async function native(schedlab, setup, more = []) {
  const folder = mkdtempSync(join(tmpdir(), "schedlab-"));
  const [config, out] = [join(folder, "setup.json"), join(folder, "out.json")];
  writeFileSync(config, JSON.stringify(setup));
  await promisify(execFile)(schedlab, ["run", config, "--out", out, ...more], {
    timeout: 120_000, maxBuffer: 1 << 26,
  });
  const { metrics } = JSON.parse(readFileSync(out, "utf8"));
  rmSync(folder, { recursive: true, force: true });
  return Object.fromEntries(
    metrics.map(({ id, value }) => [id, typeof value === "number" ? value : null]),
  );
}

/** The largest relative difference of two sets of results; undefined values must agree. */
export function deviation(got, want) {
  assert.deepEqual(Object.keys(got).sort(), Object.keys(want).sort(), "the same headline numbers");
  let worst = 0;
  for (const [id, value] of Object.entries(want)) {
    assert.equal(got[id] === null, value === null, `${id}: ${got[id]} against ${value}`);
    if (value !== null) {
      const scale = Math.max(Math.abs(value), 1e-3);
      worst = Math.max(worst, Math.abs(got[id] - value) / scale);
    }
  }
  return worst;
}

/** How far the results of a setup may be from the command line's, as a share: kernels work in single
 * precision; what the CPU computes is the same in every bit. */
export const allowed = (setup) => (setup.path === "gpu" ? 2e-2 : 0);

/** Another page opened by the address of this one has the same setups. */
export async function linkHolds(lab, open, snapshot, words) {
  await lab.page.waitForTimeout(500);
  const wanted = configs(snapshot);
  const other = await open(new URL(lab.page.url()).hash);
  const shared = await other.until("the link's setups", (s) => s?.setups?.length === wanted.length);
  assert.deepEqual(configs(shared), wanted, words);
  await other.close();
}

/** Waits for the results of a lab and looks whether they are some. */
export async function runs(lab, kind) {
  const snapshot = await lab.settled(`results of ${kind}`);
  assert.equal(snapshot.lab, kind, "the lab asked for");
  for (const one of snapshot.setups) {
    assert.equal(one.error, null, "no error");
    assert.ok(Object.values(one.results).some((v) => typeof v === "number"), `${kind} has numbers`);
  }
  return snapshot;
}

/** A slider of the parameter panel, not the playhead's. */
export async function slider(lab) {
  // High enough for the first parameters; what was there has moved when the next frames are drawn.
  if (lab.page.viewportSize().height < 760) {
    await lab.page.setViewportSize({ width: 1200, height: 760 });
    await lab.page.waitForTimeout(1200);
  }
  const all = lab.page.locator("#schedlab-mirror input[type=range]:not([aria-disabled])");
  for (const candidate of await all.all()) {
    const box = await candidate.boundingBox();
    // The playhead's is wide, and may still be where it was in a lower window.
    if (!box || box.x >= 300 || box.width > 250 || box.y <= 60 || box.y >= 690) continue;
    // By its name: a place in the list may be another slider's when the next frames are drawn.
    return lab.page.locator(`#schedlab-mirror [data-node="${await candidate.getAttribute("data-node")}"]`);
  }
  return assert.fail("no slider among the parameters");
}

/** Moves a slider of the setup in front until A and B are no longer the same setup. */
export async function makeDiffer(lab) {
  const differs = (s) => JSON.stringify(s.setups[0].setup) !== JSON.stringify(s.setups[1].setup);
  // The panel changes with the second setup; a key pressed while it does may find no slider.
  for (let tries = 0; tries < 5 && !differs(await lab.snapshot()); tries++) {
    await lab.page.waitForTimeout(600);
    const range = await slider(lab);
    await range.focus();
    await range.press("ArrowRight");
    await lab.page.waitForTimeout(600);
  }
  await lab.until("two different setups", differs);
}

/** A NumPy file of single-precision numbers, whatever shape its header claims. */
export function npy(shape, values) {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117, " ") + "\n";
  const head = Buffer.alloc(10);
  head.write("\x93NUMPY\x01\x00", "latin1");
  head.writeUInt16LE(header.length, 8);
  return Buffer.concat([head, Buffer.from(header), Buffer.from(values.buffer)]);
}
