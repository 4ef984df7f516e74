// Runs the end-to-end tests with one kind of graphics:
//   node run.mjs --page FOLDER --chromium PATH --schedlab PATH --graphics webgpu|webgl|none [--only TEXT]
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Lab, launch } from "./harness.mjs";
import { serve } from "./server.mjs";
import { EVERYWHERE, LOSS, WITHOUT_GPU, WITH_WEBGPU } from "./tests.mjs";

const { values: args } = parseArgs({
  options: {
    page: { type: "string", default: "target/web-page" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
    schedlab: { type: "string", default: "target/debug/schedlab" },
    graphics: { type: "string", default: "webgpu" },
    only: { type: "string", default: "" },
  },
});
const { graphics } = args;
const tests = {
  webgpu: [...EVERYWHERE, ...WITH_WEBGPU, LOSS],
  webgl: [...EVERYWHERE, LOSS],
  none: WITHOUT_GPU,
}[graphics].filter((test) => test.name.includes(args.only));

for (const needed of [join(args.page, "index.html"), args.schedlab]) {
  if (!existsSync(needed)) {
    console.error(`${needed} is missing: run the steps "native" and "page" of ./test first`);
    process.exit(2);
  }
}
const out = join(dirname(fileURLToPath(import.meta.url)), "out");
mkdirSync(out, { recursive: true });
const server = await serve(resolve(args.page));
const counts = { passed: 0, failed: 0, skipped: 0 };

class Skip extends Error {}

// A browser that draws in software on a busy machine now and then misses a key or a deadline: a
// test that fails is run once more, and the log says so. A real fault fails twice.
const rerun = new Set();
const queue = [...tests];
for (let test = queue.shift(); test; test = queue.shift()) {
  const began = Date.now();
  // A fresh browser per test: a lost device or a crash must not reach the next one.
  const browser = await launch(graphics, args.chromium);
  const opened = [];
  const openRaw = async (place, query = "") => {
    const lab = await Lab.open(browser, server.origin, `${query}${place}`);
    opened.push(lab);
    return lab;
  };
  const tools = {
    openRaw,
    open: async (place, query) => (await openRaw(place, query)).started(),
    origin: server.origin,
    schedlab: resolve(args.schedlab),
    graphics,
    skip: (why) => {
      throw new Skip(why);
    },
  };
  const seconds = () => `${((Date.now() - began) / 1000).toFixed(1)} s`;
  try {
    const lab = await test.run(tools);
    await lab.close();
    counts.passed += 1;
    console.log(`ok ${test.name} (${seconds()})`);
  } catch (error) {
    if (error instanceof Skip) {
      counts.skipped += 1;
      console.log(`skipped ${test.name}: ${error.message}`);
    } else {
      const again = !rerun.has(test.name);
      if (again) {
        rerun.add(test.name);
        queue.unshift(test);
      } else {
        counts.failed += 1;
      }
      console.log(`${again ? "once more:" : "not ok"} ${test.name} (${seconds()})\n  ${String(error.stack ?? error).replaceAll("\n", "\n  ")}`);
      for (const [i, lab] of opened.entries()) {
        for (const text of lab.errors) console.log(`  console: ${text}`);
        const file = join(out, `${graphics}-${test.name.replace(/\W+/g, "-")}-${i}.png`);
        await lab.page.screenshot({ path: file }).then(() => console.log(`  picture: ${file}`), () => {});
      }
    }
  } finally {
    await browser.close();
  }
}
await server.close();
console.log(`e2e result: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${graphics})`);
process.exit(counts.failed ? 1 : 0);
