// Uses every lab for a long time and watches what the page holds:
//   node tests/e2e/soak.mjs [--minutes 30] [--page target/web-page] [--chromium PATH]
//
// Round after round each lab is opened, given another seed, compared, played, stepped and left, and
// one of its systems is opened. The module's memory never shrinks, so it may rise until every system
// was opened once; after that and a third of the rounds it may grow by a tenth at most, and so may the
// heap of the page's scripts.
// Not part of ./test: half an hour says what a minute cannot.
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { Lab, launch } from "./harness.mjs";
import { LABS } from "./labs.mjs";
import { serve } from "./server.mjs";

const { values: args } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    page: { type: "string", default: "target/web-page" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
  },
});
const SYSTEMS = {
  serving: ["vllm", "sarathi-serve", "vtc", "srpt"],
  lr: ["wsd", "convex-bound", "multi-power-law", "river-valley"],
  noise: ["edm", "unipc", "halton-scheduler", "flow-matching"],
  routing: ["switch", "expert-choice", "deepseek-v3", "hash-layers"],
  pruning: ["global-magnitude", "lamp", "erk", "wanda"],
};
const SLACK = 1.1;
const MIB = 2 ** 20;

async function visit(lab, kind, round) {
  const { page } = lab;
  const go = (place) => page.evaluate((hash) => (location.hash = hash), place);
  await go(`#${kind}`);
  await lab.until(`the ${kind} lab`, (s) => s?.lab === kind);
  await lab.settled();
  await lab.key("s");
  await lab.key("c");
  await lab.until("two setups", (s) => s.setups?.length >= 2);
  await lab.settled();
  for (const mode of ["v", "v", "v", "v"]) await lab.key(mode);
  await lab.key("Home");
  await lab.key(" ");
  await page.waitForTimeout(1500);
  for (const key of [".", ".", ",", "End"]) await lab.key(key);
  const systems = SYSTEMS[kind];
  await go(`#exhibit/${systems[round % systems.length]}`);
  await lab.until("one setup", (s) => s.setups?.length === 1);
  await lab.settled();
  await go("#home");
  await lab.until("the home page", (s) => s?.lab === null);
}

async function held(lab) {
  const session = await lab.page.context().newCDPSession(lab.page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  const module = await lab.page.evaluate(() => window.schedlab.memoryBytes());
  const nodes = await lab.page.evaluate(() => document.querySelectorAll("*").length);
  return { module, heap: usedSize, nodes };
}

const server = await serve(resolve(args.page));
const { browser, end: close } = await launch("webgpu", args.chromium);
const began = Date.now();
const minutes = () => (Date.now() - began) / 60_000;
const log = [];
try {
  const lab = await Lab.open(browser, server.root, "#home");
  await lab.started();
  for (let round = 0; minutes() < Number(args.minutes) || log.length < 8; round += 1) {
    for (const kind of LABS) await visit(lab, kind, round);
    const now = { minute: minutes(), ...(await held(lab)) };
    log.push(now);
    console.log(
      `minute ${now.minute.toFixed(1)}, round ${round + 1}: module ${(now.module / MIB).toFixed(1)} MiB, ` +
      `scripts ${(now.heap / MIB).toFixed(1)} MiB, ${now.nodes} elements`,
    );
  }
  await lab.close();
  const settled = log[Math.max(Math.floor(log.length / 3), 4)];
  const last = log.at(-1);
  for (const what of ["module", "heap", "nodes"]) {
    assert.ok(last[what] <= SLACK * settled[what], `${what}: ${settled[what]} after a third, ${last[what]} at the end`);
  }
  console.log(`soak: ${log.length} rounds in ${last.minute.toFixed(1)} minutes, nothing grows`);
} finally {
  await close();
  await server.close();
}
