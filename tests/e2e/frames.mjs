// Times the page's own part of a frame (update, tessellation, encoding; not the drawing, which is
// done in software on the same cores here and is left out):
//   node tests/e2e/frames.mjs [--seconds 10] [--page target/web-page] [--chromium PATH]
//
// Each lab is opened with one setup and with two, and played; while it plays the pointer crosses the
// picture, so that what is hovered is worked out too. Before that, how long a first visit waits for
// its first picture, with nothing cached; after it, a million requests simulated in the page. Prints
// tables. Not part of ./test, which asserts no times.
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
 * Milliseconds of the frames until `work` is done, sorted. They are those of the processor, as the
 * browser's trace counts them for the page's thread: what else runs only interrupts them.
 */
async function framesOf(browser, page, work) {
  await browser.startTracing(page, { categories: ["devtools.timeline"] });
  await work();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString("utf8"));
  const frames = traceEvents.filter((e) => e.name === "FireAnimationFrame" && e.ph === "X" && e.tdur > 0);
  return frames.map((e) => e.tdur / 1000).sort((a, b) => a - b);
}

/** Plays the lab for a while. */
async function play(lab) {
  const end = Date.now() + 1000 * Number(args.seconds);
  for (let at = 0; Date.now() < end; at = (at + 1) % 20) {
    // Asked of the mirror: a snapshot would be made in a frame.
    if ((await lab.by("button", "Pause").count()) === 0) {
      await lab.key("Home");
      await lab.key(" ");
    }
    await lab.page.mouse.move(360 + 25 * at, 200 + 15 * at);
    await lab.page.waitForTimeout(100);
  }
}

const WINDOW = { width: 1200, height: 760 };

/** Chat-like lengths at a rate that a server just keeps up with. */
const MILLION = {
  scheduler: "sarathi", requests: 1_000_000, rate: 26, chunk_size: 2048, batch_size_cap: 256, num_blocks: 16_384,
  prompt_median: 120, prompt_sigma: 1, prompt_max: 4000, output_median: 150, output_sigma: 0.8, output_max: 1000,
  max_tokens_per_sequence: 8192, cost: "llama3_8b_h100", time_limit_secs: 1e7,
};

/** Simulates a million requests in the serving lab; seconds until the results are whole. */
async function million(lab) {
  const setup = { version: 1, setups: [{ lab: "serving", config: MILLION }] };
  const began = Date.now();
  await lab.drop("million.json", Buffer.from(JSON.stringify(setup)));
  const done = ([one]) => /Sarathi/.test(one.label) && one.results && !one.running && !one.stale;
  while (!done((await lab.snapshot()).setups)) await lab.page.waitForTimeout(500);
  return (Date.now() - began) / 1000;
}

/** Leaves the drawing out: nothing is sent to the device any more, and frames come as on a screen. */
function withoutDrawing() {
  GPUQueue.prototype.submit = () => {};
  GPUQueue.prototype.writeBuffer = () => {};
}

/** A lab in a window of 1200 × 760, with its results. */
async function opened(browser, root, kind) {
  const lab = await Lab.open(browser, root, `#${kind}`);
  await lab.started();
  await lab.page.setViewportSize(WINDOW);
  await lab.settled();
  await lab.page.evaluate(withoutDrawing);
  return lab;
}

/** Seconds from the navigation to the first picture, in a context that has cached nothing. */
async function firstPicture(browser, address) {
  const context = await browser.newContext({ viewport: WINDOW });
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
    const lab = await opened(browser, server.root, kind);
    row(kind, await framesOf(browser, lab.page, () => play(lab)));
    await lab.key("c");
    await lab.until("two setups", (s) => s.setups?.length >= 2);
    await lab.settled();
    row(`${kind}, two setups`, await framesOf(browser, lab.page, () => play(lab)));
    await lab.close();
  }
  const lab = await opened(browser, server.root, "serving");
  let seconds;
  row("a million requests", await framesOf(browser, lab.page, async () => (seconds = await million(lab))));
  console.log(`a million requests: ${seconds.toFixed(1)} s`);
  await lab.close();
} finally {
  await close();
  server.close();
}
