// Times the page's own part of a frame (update, tessellation, encoding; not the drawing, which is
// done in software on the same cores here and is left out):
//   node tests/e2e/frames.mjs [--seconds 10] [--page target/web-page] [--chromium PATH]
//
// Each lab is opened with one setup and with two, and played; while it plays the pointer crosses the
// picture, so that what is hovered is worked out too. Before that, how long a first visit waits for
// its first picture, with nothing cached. Prints tables. Not part of ./test, which asserts no times.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { Lab, PATIENCE, launch } from "./harness.mjs";
import { LABS } from "./labs.mjs";
import { serve } from "./server.mjs";

const { values: args } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    page: { type: "string", default: "target/web-page" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
  },
});

/**
 * Plays the lab for a while: milliseconds of its frames, sorted. They are those of the processor, as
 * the browser's trace counts them for the page's thread: what else runs only interrupts them.
 */
async function played(browser, lab) {
  const { page } = lab;
  await browser.startTracing(page, { categories: ["devtools.timeline"] });
  const end = Date.now() + 1000 * Number(args.seconds);
  for (let at = 0; Date.now() < end; at = (at + 1) % 20) {
    if (!(await lab.snapshot()).playing) {
      await lab.key("Home");
      await lab.key(" ");
    }
    await page.mouse.move(360 + 25 * at, 200 + 15 * at);
    await page.waitForTimeout(100);
  }
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString("utf8"));
  const frames = traceEvents.filter((e) => e.name === "FireAnimationFrame" && e.ph === "X" && e.tdur > 0);
  return frames.map((e) => e.tdur / 1000).sort((a, b) => a - b);
}

/** Leaves the drawing out: nothing is sent to the device any more, and frames come as on a screen. */
function withoutDrawing() {
  GPUQueue.prototype.submit = () => {};
  GPUQueue.prototype.writeBuffer = () => {};
}

/** Seconds from the navigation to the first picture, in a context that has cached nothing. */
async function firstPicture(browser, address) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 760 } });
  try {
    const page = await context.newPage();
    await page.addInitScript(() => {
      new MutationObserver((_, watch) => {
        if (!document.getElementById("skeleton")?.hidden) return;
        window.firstPicture = performance.now();
        watch.disconnect();
      }).observe(document, { attributes: true, childList: true, subtree: true });
    });
    await page.goto(address);
    await page.waitForFunction(() => window.firstPicture, null, { timeout: PATIENCE });
    return (await page.evaluate(() => window.firstPicture)) / 1000;
  } finally {
    await context.close();
  }
}

const row = (words, frames) => {
  const at = (share) => frames[Math.min(Math.floor(share * frames.length), frames.length - 1)] ?? NaN;
  const cells = [at(0.5).toFixed(1), at(0.95).toFixed(1), at(1).toFixed(1), String(frames.length)];
  console.log(words.padEnd(24) + cells.map((cell) => cell.padStart(9)).join(""));
};

const server = await serve(resolve(args.page));
const { browser, end: close } = await launch("webgpu", args.chromium);
try {
  for (const place of ["#home", ...LABS.map((kind) => `#${kind}`)]) {
    const seconds = [];
    for (let visit = 0; visit < 3; visit += 1) seconds.push(await firstPicture(browser, server.root + place));
    console.log(`first picture of ${place.slice(1)}: ${seconds.map((s) => s.toFixed(2)).join(", ")} s`);
  }
  const heads = ["median", "95 %", "largest", "frames"].map((word) => word.padStart(9));
  console.log("milliseconds of a frame".padEnd(24) + heads.join(""));
  for (const kind of LABS) {
    const lab = await Lab.open(browser, server.root, `#${kind}`);
    await lab.started();
    await lab.settled();
    await lab.page.evaluate(withoutDrawing);
    row(kind, await played(browser, lab));
    await lab.key("c");
    await lab.until("two setups", (s) => s.setups?.length >= 2);
    await lab.settled();
    row(`${kind}, two setups`, await played(browser, lab));
    await lab.close();
  }
} finally {
  await close();
  server.close();
}
