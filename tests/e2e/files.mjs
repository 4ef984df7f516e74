// Files brought along: refused with a reason, or used, exported and shared.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { bytesOf, textOf } from "./harness.mjs";
import { configs } from "./labs.mjs";
import { deviation, linkHolds, makeDiffer, native, npy, runs } from "./tools.mjs";

export const FILES = [
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
      await makeDiffer(lab);
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
];
