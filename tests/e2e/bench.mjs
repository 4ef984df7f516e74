// Times the hot paths of the labs in the page and natively, in turns, and prints ratios:
//   node tests/e2e/bench.mjs --schedlab target/release/schedlab [--turns 2] [--page dist] [--chromium PATH]
//
// Not part of ./test, which asserts no times.
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { Lab, launch } from "./harness.mjs";
import { serve } from "./server.mjs";

const { values: args } = parseArgs({
  options: {
    schedlab: { type: "string", default: "target/release/schedlab" },
    turns: { type: "string", default: "2" },
    page: { type: "string", default: "dist" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
  },
});

const native = () => JSON.parse(execFileSync(args.schedlab, ["bench", "--json"], { maxBuffer: 2 ** 26 })).hot_paths;

async function inPage(root) {
  const { browser, end } = await launch("webgpu", args.chromium);
  try {
    const lab = await Lab.open(browser, root, "#bench");
    await lab.press("Measure");
    const { bench } = await lab.until(
      "the measurement", (s) => s?.bench?.report?.hot_paths?.length > 0 && !s.bench.running, 600_000,
    );
    return bench.report.hot_paths;
  } finally {
    await end();
  }
}

// The upper quartile of single slices: what is disturbed by other work only makes slices longer.
const rates = { page: new Map(), native: new Map() };
const titles = new Map();
const server = await serve(resolve(args.page));
try {
  for (let turn = 0; turn < Number(args.turns); turn += 1) {
    for (const [where, paths] of [["native", native()], ["page", await inPage(server.root)]]) {
      for (const { id, title, quartiles } of paths) {
        titles.set(id, title);
        rates[where].set(id, [...(rates[where].get(id) ?? []), quartiles[1]]);
      }
    }
  }
} finally {
  await server.close();
}
const ratio = (a, b) => (a / b).toFixed(2);
console.log(`${"page's rate over the native one's".padEnd(72)}${"best".padStart(8)}   each turn`);
for (const [id, title] of titles) {
  const [page, here] = [rates.page.get(id) ?? [], rates.native.get(id) ?? []];
  if (page.length === 0 || page.length !== here.length) {
    console.log(`${title.padEnd(72)} not measured in both`);
    continue;
  }
  const each = page.map((rate, turn) => ratio(rate, here[turn])).join(" ");
  console.log(`${title.padEnd(72)}${ratio(Math.max(...page), Math.max(...here)).padStart(8)}   ${each}`);
}
