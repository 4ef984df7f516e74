// Times the page's own part of a frame (update, tessellation, encoding; not what the device draws):
//   node tests/e2e/frames.mjs [--seconds 10] [--page target/web-page] [--chromium PATH]
//
// Each lab is opened with one setup and with two, and played; while it plays the pointer crosses the
// picture, so that what is hovered is worked out too. Prints a table. Not part of ./test, which
// asserts no times.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { Lab, launch } from "./harness.mjs";
import { LABS } from "./labs.mjs";
import { serve } from "./server.mjs";

const { values: args } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    page: { type: "string", default: "target/web-page" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
  },
});

/** Plays the lab for a while; the frame times of its last moments as the page tells them. */
async function played(lab) {
  const { page } = lab;
  const end = Date.now() + 1000 * Number(args.seconds);
  for (let at = 0; Date.now() < end; at = (at + 1) % 20) {
    if (!(await lab.snapshot()).playing) {
      await lab.key("Home");
      await lab.key(" ");
    }
    await page.mouse.move(360 + 25 * at, 200 + 15 * at);
    await page.waitForTimeout(100);
  }
  return (await lab.snapshot()).frame_millis;
}

const row = (words, millis) =>
  console.log(words.padEnd(22) + millis.map((value) => value.toFixed(1).padStart(8)).join(""));

const server = await serve(resolve(args.page));
const { browser, end: close } = await launch("webgpu", args.chromium);
try {
  console.log("milliseconds of a frame".padEnd(22) + ["median", "95 %", "largest"].map((w) => w.padStart(8)).join(""));
  for (const kind of LABS) {
    const lab = await Lab.open(browser, server.root, `#${kind}`);
    await lab.started();
    await lab.settled();
    row(kind, await played(lab));
    await lab.key("c");
    await lab.until("two setups", (s) => s.setups?.length >= 2);
    await lab.settled();
    row(`${kind}, two setups`, await played(lab));
    await lab.close();
  }
} finally {
  await close();
  server.close();
}
