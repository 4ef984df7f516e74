// Runs the end-to-end tests with one kind of graphics:
//   node run.mjs --page FOLDER --chromium PATH --schedlab PATH --graphics webgpu|webgl|none [--only TEXT] [--minutes N] [--workers N]
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Lab, launch, within } from "./harness.mjs";
import { serve } from "./server.mjs";
import { EVERYWHERE, LOSS, WITHOUT_GPU, WITH_WEBGPU } from "./tests.mjs";

const { values: args } = parseArgs({
  options: {
    page: { type: "string", default: "target/web-page" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
    schedlab: { type: "string", default: "target/debug/schedlab" },
    graphics: { type: "string", default: "webgpu" },
    only: { type: "string", default: "" },
    minutes: { type: "string", default: "25" },
    workers: { type: "string", default: "2" },
  },
});
const { graphics } = args;
const tests = {
  webgpu: [...EVERYWHERE, ...WITH_WEBGPU, ...LOSS],
  webgl: [...EVERYWHERE, ...LOSS],
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
// WebGL's turn also shows that the site works from any folder of a host.
const server = await serve(resolve(args.page), graphics === "webgl" ? "/some/folder/" : "/");
const counts = { passed: 0, failed: 0, skipped: 0 };

class Skip extends Error {}

// Neither one test nor all of them may take for ever, whatever the browser does.
const TEST_MILLIS = 300_000;
const end = Date.now() + Number(args.minutes) * 60_000;

/** A browser for one test after another. One in which a test failed, or lost its device, is ended: that
 * must not reach the next test. */
class Seat {
  #held = null;

  async browser() {
    this.#held ??= await launch(graphics, args.chromium);
    return this.#held.browser;
  }

  async leave() {
    const held = this.#held;
    this.#held = null;
    await held?.end();
  }
}

async function attempt(test, seat) {
  const opened = [];
  let fit = false;
  const browser = await seat.browser();
  const openRaw = async (place, query = "", root = server.root, options = {}) => {
    const lab = await Lab.open(browser, root, `${query}${place}`, options);
    opened.push(lab);
    return lab;
  };
  const tools = {
    openRaw,
    open: async (place, query, root) => (await openRaw(place, query, root)).started(),
    root: server.root,
    page: resolve(args.page),
    schedlab: resolve(args.schedlab),
    graphics,
    skip: (why) => {
      throw new Skip(why);
    },
  };
  try {
    await within(TEST_MILLIS, "the test", test.run(tools).then((lab) => lab.close()));
    fit = !test.breaks;
  } catch (error) {
    if (error instanceof Skip) throw error;
    const lines = [String(error.stack ?? error).slice(0, 4000)];
    for (const [i, lab] of opened.entries()) {
      for (const text of lab.errors.slice(0, 12)) lines.push(`console: ${text.slice(0, 400)}`);
      const file = join(out, `${graphics}-${test.name.replace(/\W+/g, "-")}-${i}.png`);
      await within(15_000, "a picture", lab.page.screenshot({ path: file })).then(
        () => lines.push(`picture: ${file}`),
        () => {},
      );
    }
    throw new Error(lines.join("\n"));
  } finally {
    if (!fit) await seat.leave();
  }
}

/** Runs a test and says how it went; false if it failed. */
async function judged(test, failed, seat) {
  const began = Date.now();
  const seconds = () => `${((Date.now() - began) / 1000).toFixed(1)} s`;
  if (began > end) {
    counts.failed += 1;
    console.log(`not ok ${test.name}: not begun, ${args.minutes} minutes are over`);
    return true;
  }
  try {
    await attempt(test, seat);
    counts.passed += 1;
    console.log(`ok ${test.name} (${seconds()})`);
  } catch (error) {
    if (error instanceof Skip) {
      counts.skipped += 1;
      console.log(`skipped ${test.name}: ${error.message}`);
      return true;
    }
    console.log(`${failed} ${test.name} (${seconds()})\n  ${error.message.replaceAll("\n", "\n  ")}`);
    return false;
  }
  return true;
}

// Much of a test is waiting for frames, so two share the machine, the long ones first.
const queue = [...tests].sort((a, b) => Number(b.long ?? false) - Number(a.long ?? false));
const again = [];
const turn = async () => {
  const seat = new Seat();
  for (let test = queue.shift(); test; test = queue.shift()) {
    if (!(await judged(test, "once more:", seat))) again.push(test);
  }
  await seat.leave();
};
await Promise.all(Array.from({ length: Number(args.workers) }, turn));
// A browser that draws in software on a busy machine now and then crashes, misses a key or a
// deadline: a test that fails is run once more, alone, and the log says so. A real fault fails twice.
for (const test of again) {
  const seat = new Seat();
  if (!(await judged(test, "not ok", seat))) counts.failed += 1;
  await seat.leave();
}
server.close();
console.log(`e2e result: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${graphics})`);
process.exit(counts.failed ? 1 : 0);
