// The tests. Each gets a fresh page (`open`) and says what went wrong by throwing.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { bytesOf, textOf } from "./harness.mjs";
import { serve } from "./server.mjs";
import { LABS, configs, results } from "./labs.mjs";

/** Results of `schedlab run` for a setup, by metric. */
async function native(schedlab, setup, more = []) {
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
function deviation(got, want) {
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

/** Another page opened by the address of this one has the same setups. */
async function linkHolds(lab, open, snapshot, words) {
  await lab.page.waitForTimeout(500);
  const wanted = configs(snapshot);
  const other = await open(new URL(lab.page.url()).hash);
  const shared = await other.until("the link's setups", (s) => s?.setups?.length === wanted.length);
  assert.deepEqual(configs(shared), wanted, words);
  await other.close();
}

async function runs(lab, kind) {
  const snapshot = await lab.settled(`results of ${kind}`);
  assert.equal(snapshot.lab, kind, "the lab asked for");
  for (const one of snapshot.setups) {
    assert.equal(one.error, null, "no error");
    assert.ok(Object.values(one.results).some((v) => typeof v === "number"), `${kind} has numbers`);
  }
  return snapshot;
}

/** A slider of the parameter panel, not the playhead's. */
async function slider(lab) {
  const all = lab.page.locator("#schedlab-mirror input[type=range]:not([aria-disabled])");
  for (const candidate of await all.all()) {
    const box = await candidate.boundingBox();
    if (box && box.x < 300 && box.y > 60 && box.y < 690) return candidate;
  }
  return assert.fail("no slider among the parameters");
}

/** A NumPy file of single-precision numbers, whatever shape its header claims. */
function npy(shape, values) {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117, " ") + "\n";
  const head = Buffer.alloc(10);
  head.write("\x93NUMPY\x01\x00", "latin1");
  head.writeUInt16LE(header.length, 8);
  return Buffer.concat([head, Buffer.from(header), Buffer.from(values.buffer)]);
}

/** Systems whose runs take a moment even in a build for development; networks that are pruned are
 * trained first, so one of them is compared by the lab's own test. */
const TWENTY = [
  "orca", "vllm", "sglang", "srpt", "vtc", "sarathi-serve", "mlfq", "priority",
  "annealing-law", "river-valley", "convex-bound", "multi-power-law", "mpl-optimum",
  "linear-subspace", "halton-scheduler", "dus", "simple-diffusion",
  "switch", "expert-choice", "loss-free-balancing",
];

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
      // The panel changes with the second setup; a key pressed while it does may find no slider.
      const differs = (s) => JSON.stringify(s.setups[0].setup) !== JSON.stringify(s.setups[1].setup);
      for (let tries = 0; tries < 5 && !differs(await lab.snapshot()); tries++) {
        await lab.page.waitForTimeout(600);
        const range = await slider(lab);
        await range.focus();
        await range.press("ArrowRight");
        await lab.page.waitForTimeout(600);
      }
      await lab.until("B differs", differs);
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
];

export const WITH_WEBGPU = [
  {
    name: "the machine is measured, and the report is saved",
    long: true,
    async run({ open }) {
      const lab = await open("#bench");
      await lab.press("Measure");
      const { bench } = await lab.until(
        "the measurement", (s) => s?.bench?.report?.hot_paths?.length > 0 && !s.bench.running, 280_000,
      );
      const download = lab.page.waitForEvent("download");
      await lab.press("Save as JSON");
      const report = JSON.parse(await textOf(download));
      assert.deepEqual(report, bench.report, "the file holds what is on screen");
      assert.deepEqual(report.problems, []);
      assert.ok(report.hot_paths.length > 10, `${report.hot_paths.length} hot paths`);
      for (const { id, per_second, cost_multiply_adds } of report.hot_paths) {
        assert.ok(per_second > 0 && cost_multiply_adds > 0, id);
      }
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
        // Kernels work in single precision; what has no kernel is exact.
        const bound = one.path === "gpu" ? 2e-2 : 0;
        assert.ok(worst <= bound, `${one.path}: relative deviation ${worst}, allowed ${bound}`);
      }
      return lab;
    },
  })),
  {
    name: "a broken trace is refused with its place, and the setup stays",
    async run({ open }) {
      const lab = await open("#serving");
      const before = await runs(lab, "serving");
      await lab.drop("broken.csv", Buffer.from("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.97,374,44\n2023-11-16 18:17:04.03,many,109\n"));
      const words = await lab.message(/broken\.csv/);
      assert.match(words, /line 3|row 2|many/, words);
      assert.deepEqual(configs(await lab.settled()), configs(before), "the setup stays");
      return lab;
    },
  },
  {
    name: "a truncated safetensors file is refused with its place, and the setup stays",
    async run({ open }) {
      const lab = await open("#pruning");
      const before = await runs(lab, "pruning");
      const header = Buffer.from(JSON.stringify({ w: { dtype: "F32", shape: [4, 4], data_offsets: [0, 64] } }));
      const size = Buffer.alloc(8);
      size.writeBigUInt64LE(BigInt(header.length));
      await lab.drop("cut.safetensors", Buffer.concat([size, header, Buffer.alloc(20)]));
      const words = await lab.message(/cut\.safetensors/);
      assert.match(words, /64|84|20|bytes|byte/, words);
      assert.deepEqual(configs(await lab.settled()), configs(before), "the setup stays");
      return lab;
    },
  },
  {
    name: "a checkpoint is opened, pruned, saved, opened again and shared",
    async run({ open }) {
      const lab = await open("#pruning");
      await runs(lab, "pruning");
      const weights = Float32Array.from({ length: 2000 }, (_, i) => Math.sin(i + 1));
      const header = JSON.stringify({
        __metadata__: { by: "a test" },
        "fc.bias": { dtype: "F32", shape: [2], data_offsets: [8000, 8008] },
        "fc.weight": { dtype: "F32", shape: [40, 50], data_offsets: [0, 8000] },
      });
      const size = Buffer.alloc(8);
      size.writeBigUInt64LE(BigInt(header.length));
      const bias = Buffer.from(Float32Array.of(1, 2).buffer);
      const use = async (name, bytes) => {
        await lab.drop(name, bytes);
        await lab.by("button", "Use in the pruning lab").waitFor({ state: "attached" });
        await lab.press("Use in the pruning lab");
        await lab.until("the file in the setup", (s) => JSON.stringify(s.setups[0].setup).includes(name));
        return runs(lab, "pruning");
      };
      await use("small.safetensors", Buffer.concat([size, Buffer.from(header), Buffer.from(weights.buffer), bias]));
      await lab.press("To end");
      await lab.until("the end", (s) => s.playhead === s.end);
      await lab.press("More");
      const download = lab.page.waitForEvent("download", { timeout: 60_000 });
      await lab.press(/^Save the pruned checkpoint/, false);
      const saved = await bytesOf(download);
      const length = Number(saved.readBigUInt64LE(0));
      const found = JSON.parse(saved.subarray(8, 8 + length).toString());
      assert.equal(found.__metadata__.by, "a test", "the free texts stay");
      assert.ok(found.__metadata__.pruning, "the recipe is noted");
      const [from, to] = found["fc.weight"].data_offsets;
      const data = Buffer.from(saved.subarray(8 + length + from, 8 + length + to));
      const kept = [];
      for (let i = 0; i < 2000; i += 1) {
        const value = data.readFloatLE(4 * i);
        if (value !== 0) {
          assert.equal(value, weights[i], "a kept weight has its bits");
          kept.push(Math.abs(value));
        }
      }
      // The sweep ends at 99.9 %: round(0.999 · 2000) = 1998 of 2000 go.
      assert.equal(kept.length, 2, "exactly the count asked for");
      const largest = Array.from(weights, Math.abs).sort((a, b) => b - a);
      assert.ok(Math.min(...kept) >= largest[1], "the largest are kept");
      const again = await use("again.safetensors", saved);
      await linkHolds(lab, open, again, "the link holds the setup");
      return lab;
    },
  },
  {
    name: "a request trace is previewed, used on demand, and named in the setup",
    async run({ open }) {
      const lab = await open("#serving");
      const before = await runs(lab, "serving");
      const rows = Array.from({ length: 40 }, (_, i) => `${(i * 0.25).toFixed(2)},${100 + i},${20 + (i % 7)}`);
      await lab.drop("small.csv", Buffer.from(`arrived_at,num_prefill_tokens,num_decode_tokens\n${rows.join("\n")}\n`));
      await lab.by("button", "Use in the serving lab").waitFor({ state: "attached" });
      assert.deepEqual(configs(await lab.snapshot()), configs(before), "nothing is replaced unasked");
      await lab.press("Use in the serving lab");
      await lab.until("the trace in the setup", (s) => JSON.stringify(s.setups[0].setup).includes("small.csv"));
      const after = await lab.settled();
      assert.equal(after.setups[0].error, null, "it runs");
      return lab;
    },
  },
  {
    name: "a real trace gives the numbers of the command line",
    async run({ open, schedlab, skip }) {
      const trace = resolve("../shared/data/serving/azure_llm_2023_code.csv");
      if (!existsSync(trace)) return skip(`${trace} is not here`);
      const lab = await open("#serving", "?kernels=cpu");
      await runs(lab, "serving");
      await lab.drop("azure_llm_2023_code.csv", readFileSync(trace));
      await lab.press("Use in the serving lab");
      await lab.until("the trace in the setup", (s) =>
        JSON.stringify(s.setups[0].setup).includes("azure_llm_2023_code.csv"));
      const { results, setup, error } = (await lab.settled()).setups[0];
      assert.equal(error, null, "it runs");
      const worst = deviation(results, await native(schedlab, setup, ["--data", trace]));
      assert.equal(worst, 0, "not equal in every bit");
      return lab;
    },
  },
  {
    name: "a trace in three setups is scrubbed, exported and shared",
    async run({ open }) {
      const lab = await open("#serving");
      await runs(lab, "serving");
      const rows = Array.from({ length: 60 }, (_, i) => `${(i * 0.2).toFixed(2)},${300 + 17 * i},${20 + (i % 9)}`);
      await lab.drop("trace.csv", Buffer.from(`arrival_secs,prompt_tokens,output_tokens\n${rows.join("\n")}\n`));
      await lab.by("button", "Use in the serving lab").waitFor({ state: "attached" });
      await lab.press("Use in the serving lab");
      await lab.until("the trace in the setup", (s) => JSON.stringify(s.setups[0].setup).includes("trace.csv"));
      for (const count of [2, 3]) {
        await lab.key("c");
        await lab.until(`${count} setups`, (s) => s.setups.length === count);
      }
      const compared = await runs(lab, "serving");
      for (const one of compared.setups) {
        assert.ok(JSON.stringify(one.setup).includes("trace.csv"), "the same requests in every setup");
      }
      await lab.press("To end");
      await lab.until("the end", (s) => s.playhead === s.end);
      await lab.press("Step back");
      await lab.until("a step back", (s) => s.playhead < s.end);
      const download = lab.page.waitForEvent("download", { timeout: 60_000 });
      await lab.press("Timeline for Perfetto");
      const events = JSON.parse(await textOf(download)).traceEvents;
      assert.ok(events.filter((e) => e.ph === "X").length > 60, "slices of requests and iterations");
      await linkHolds(lab, open, compared, "the link holds the comparison");
      return lab;
    },
  },
  {
    name: "a router dump is imported, routed by two policies, exported and shared",
    async run({ open }) {
      const lab = await open("#routing");
      await runs(lab, "routing");
      // 512 tokens over 8 experts, one layer; the same numbers on every run.
      const values = Float32Array.from({ length: 512 * 8 }, (_, i) => Math.sin(i * 1.7) + (i % 8 === 3 ? 1.2 : 0));
      await lab.drop("logits.npy", npy("512, 8", values));
      await lab.by("button", "Use in the routing lab").waitFor({ state: "attached" });
      await lab.press("Use in the routing lab");
      await lab.until("the dump in the setup", (s) => JSON.stringify(s.setups[0].setup).includes("logits.npy"));
      const alone = await runs(lab, "routing");
      assert.equal(alone.setups[0].setup.config.experts, 8, "the experts of the file");
      await lab.key("c");
      await lab.until("a second setup", (s) => s.setups.length === 2);
      const differs = (s) => JSON.stringify(s.setups[0].setup) !== JSON.stringify(s.setups[1].setup);
      for (let tries = 0; tries < 5 && !differs(await lab.snapshot()); tries++) {
        await lab.page.waitForTimeout(600);
        const range = await slider(lab);
        await range.focus();
        await range.press("ArrowRight");
        await lab.page.waitForTimeout(600);
      }
      await lab.until("another policy in B", differs);
      const compared = await runs(lab, "routing");
      for (const one of compared.setups) {
        assert.ok(JSON.stringify(one.setup).includes("logits.npy"), "the same tokens in both");
      }
      await lab.press("More");
      const download = lab.page.waitForEvent("download", { timeout: 60_000 });
      await lab.press(/^Save table as CSV/, false);
      const rows = (await textOf(download)).trim().split("\n");
      assert.match(rows[0], /token.*expert.*gate/, rows[0]);
      assert.ok(rows.length > 512, "a row for every pair");
      await linkHolds(lab, open, compared, "the link holds the comparison");
      return lab;
    },
  },
  {
    name: "router dumps that are cut off, too large, of the wrong shape or without numbers are refused with the reason, and the setup stays",
    async run({ open }) {
      const lab = await open("#routing");
      const before = await runs(lab, "routing");
      const values = Float32Array.from({ length: 16 }, (_, i) => i / 4);
      const stays = async () => assert.deepEqual(configs(await lab.settled()), configs(before), "the setup stays");
      const refused = async (name, bytes, words, copies) => {
        await lab.drop(name, bytes, copies);
        const said = await lab.message(new RegExp(name.replace(".", "\\.")));
        assert.match(said, words, said);
        await stays();
      };
      await refused("cut.npy", npy("9, 4", values), /144 bytes of data expected, 64 found/);
      await refused("huge.npy", npy("4294967296, 4294967296", values), /overflows/);
      await refused("claims.npy", npy("32768, 16384", values), /2147483648 bytes of data expected, 64 found/);
      await refused("beheaded.npy", npy("4, 4", values).subarray(0, 60), /the header is longer than the file/);
      await refused("large.npy", npy("4, 4", new Float32Array(1 << 18)), /bytes; at most 536870912 are read/, 544);
      const rows = (...lines) => Buffer.from(`token,layer,expert\n${lines.join("\n")}\n`);
      await refused("uneven.csv", rows("0,0,1", "0,0,2", "1,0,3"), /layer 0, token 1.*1 experts, but 2 at token 0/);
      await refused("unknown.csv", rows("0,0,1", "1,0,900"), /line 3.*expert is "900"; want a whole number below 512/);
      // The question about one file is gone before the next is asked.
      const answered = () => lab.by("button", "Cancel").waitFor({ state: "detached" });
      // A whole file whose numbers cannot be routed is refused when it is to be used.
      const unusable = async (name, shape, numbers, words) => {
        await lab.drop(name, npy(shape, Float32Array.from(numbers)));
        await lab.by("button", "Use in the routing lab").waitFor({ state: "attached" });
        await lab.press("Use in the routing lab");
        await answered();
        const said = await lab.message(new RegExp(`${name.replace(".", "\\.")}, tensor`));
        assert.match(said, words, said);
        await stays();
      };
      await unusable("nan_logits.npy", "4, 4", values.with(5, NaN), /row 1: entry 1 is NaN; want finite numbers/);
      await unusable("inf_logits.npy", "4, 4", values.with(14, Infinity), /row 3: entry 2 is inf; want finite numbers/);
      await unusable("topk_twice.npy", "2, 2", [1, 2, 3, 3], /row 1: expert 3 stands there twice/);
      // One dimension, four, or too many columns are no tokens and experts: the lab is not offered.
      for (const [name, shape, length] of [
        ["flat_logits.npy", "16", 16],
        ["deep_logits.npy", "2, 2, 2, 2", 16],
        ["wide_logits.npy", "2, 600", 1200],
      ]) {
        await lab.drop(name, npy(shape, new Float32Array(length).fill(0.5)));
        await lab.by("button", "Use in the pruning lab").waitFor({ state: "attached" });
        assert.equal(await lab.by("button", "Use in the routing lab").count(), 0, `${name} is not offered for routing`);
        await lab.press("Cancel");
        await answered();
        await stays();
      }
      return lab;
    },
  },
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
    name: "twenty systems give the numbers of the command line, bit for bit",
    long: true,
    async run({ open, schedlab }) {
      const lab = await open("#home", "?kernels=cpu");
      for (const id of TWENTY) {
        await lab.page.evaluate((place) => (location.hash = place), `#exhibit/${id}`);
        await lab.until(`the system ${id}`, (s) => s?.exhibit === id);
        for (const one of (await lab.settled(`results of ${id}`)).setups) {
          assert.equal(one.error, null, `${id}: ${one.error}`);
          assert.equal(deviation(one.results, await native(schedlab, one.setup)), 0, `${id}: not equal in every bit`);
        }
      }
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
      await lab.page.waitForTimeout(400);
      const address = lab.page.url();
      await lab.page.evaluate(() => window.schedlabPage.panic("a test of the report"));
      const notice = lab.page.locator("#notice");
      assert.match(await notice.innerText(), /a test of the report[\s\S]*setup: #lr\//, "the report");
      await lab.page.getByRole("button", { name: "Reload with this setup" }).click();
      await lab.started();
      assert.equal((await runs(lab, "lr")).lab, "lr", "the lab is back");
      assert.equal(lab.page.url().split("/")[3], address.split("/")[3], "the address is kept");
      return lab;
    },
  },
];

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
