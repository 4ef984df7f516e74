// What the tests share: browsers with a given kind of graphics, pages that are watched for errors
// and foreign requests, and a hand on the application through its mirror and `window.schedlab`.
import { chromium } from "playwright-core";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const COMMON = [
  "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
];
export const GRAPHICS = {
  webgpu: [
    "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan",
    "--use-angle=swiftshader", "--use-vulkan=swiftshader",
  ],
  webgl: ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-features=WebGPU"],
  none: ["--disable-gpu", "--disable-3d-apis", "--disable-features=WebGPU"],
};

/** Slow machines are given time; nothing here measures speed. */
export const PATIENCE = 180_000;

/** Resolves like `work`, or throws when that takes longer than `millis`. */
export async function within(millis, words, work) {
  let timer;
  const late = new Promise((_, failed) => {
    timer = setTimeout(() => failed(new Error(`${words} took longer than ${millis / 1000} s`)), millis);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A browser of its own process. `end` always comes back: a browser that crashed can leave
 * `close` waiting for an answer for ever, so the process is killed instead.
 */
export async function launch(graphics, executablePath) {
  const server = await within(60_000, "starting the browser", chromium.launchServer({
    executablePath, args: [...COMMON, ...GRAPHICS[graphics]], timeout: 45_000,
  }));
  const kill = () => within(10_000, "ending the browser", server.kill()).catch(() => {
    server.process().kill("SIGKILL");
  });
  try {
    const browser = await chromium.connect(server.wsEndpoint(), { timeout: 45_000 });
    return { browser, end: kill };
  } catch (error) {
    await kill();
    throw error;
  }
}

/** Bytes of a download. */
export async function bytesOf(download) {
  const folder = mkdtempSync(join(tmpdir(), "schedlab-"));
  try {
    const file = join(folder, "download");
    await (await download).saveAs(file);
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Text of a download. */
export async function textOf(download) {
  return (await bytesOf(download)).toString("utf8");
}

/** A page of the application, watched. */
export class Lab {
  /** `prepare` sees the page before it asks for anything. */
  static async open(browser, root, place = "", { prepare } = {}) {
    const context = await browser.newContext({
      // Wide enough for all panels; low, because every pixel is drawn by the processor here.
      viewport: { width: 1200, height: 600 },
      reducedMotion: "reduce",
      acceptDownloads: true,
    });
    const page = await context.newPage();
    const lab = new Lab(page, root);
    page.on("console", (message) => {
      if (message.type() === "error") lab.errors.push(message.text());
    });
    page.on("pageerror", (error) => lab.errors.push(`uncaught: ${error.message}`));
    page.on("request", (request) => lab.requests.push(request.url()));
    await prepare?.(page);
    await page.goto(`${root}${place}`);
    return lab;
  }

  constructor(page, root) {
    this.page = page;
    this.root = root;
    this.errors = [];
    this.requests = [];
  }

  /** Waits for the first picture. */
  async started() {
    await this.page.waitForFunction(
      () => document.getElementById("skeleton").hidden || !document.getElementById("notice").hidden,
      null,
      { timeout: PATIENCE },
    );
    const notice = this.page.locator("#notice");
    assert.ok(!(await notice.isVisible()), `the page says: ${await notice.innerText()}`);
    await this.until("a first snapshot", (s) => s !== null);
    return this;
  }

  snapshot() {
    return this.page.evaluate(() => window.schedlab.snapshot());
  }

  /** Waits until a snapshot satisfies a condition, and returns it. */
  async until(words, condition, patience = PATIENCE) {
    const end = Date.now() + patience;
    for (;;) {
      const snapshot = await this.snapshot();
      if (condition(snapshot)) return snapshot;
      if (Date.now() > end) assert.fail(`waited for ${words}; last: ${JSON.stringify(snapshot)}`);
      await this.page.waitForTimeout(50);
    }
  }

  /** Waits until every setup on screen has its results. */
  settled(words = "results") {
    return this.until(words, (s) =>
      Boolean(s?.setups?.length) &&
      s.setups.every((one) => one.error || (one.results && !one.running && !one.stale)));
  }

  /** An element of the mirror. */
  by(role, name, exact = true) {
    return this.page.locator("#schedlab-mirror").getByRole(role, { name, exact });
  }

  /** Presses a button as assistive technology would. */
  async press(name, exact = true) {
    const button = this.by("button", name, exact).first();
    await button.waitFor({ state: "attached", timeout: PATIENCE });
    await button.dispatchEvent("click");
  }

  /** A key, with the keyboard focus in the picture. */
  async key(key) {
    await this.page.evaluate(() => document.getElementById("canvas").focus());
    await this.page.waitForTimeout(150);
    await this.page.keyboard.press(key);
  }

  /** Drops a file on the picture: the bytes, so many times over. */
  drop(name, bytes, copies = 1) {
    return this.page.evaluate(
      ([name, data, copies]) => {
        const bytes = new Blob([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))]);
        const transfer = new DataTransfer();
        transfer.items.add(new File(Array(copies).fill(bytes), name));
        const canvas = document.getElementById("canvas");
        for (const kind of ["dragenter", "dragover", "drop"]) {
          canvas.dispatchEvent(
            new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }),
          );
        }
      },
      [name, Buffer.from(bytes).toString("base64"), copies],
    );
  }

  /** Waits for a message with these words. */
  async message(pattern) {
    const place = this.page.locator("#schedlab-mirror [role=status], #schedlab-mirror [role=alert]");
    await place.filter({ hasText: pattern }).first().waitFor({ state: "attached", timeout: PATIENCE });
    return (await place.filter({ hasText: pattern }).first().textContent()).trim();
  }

  async framesIn(millis) {
    const count = () => this.page.evaluate(() => window.schedlab.framesDrawn());
    const before = await count();
    await this.page.waitForTimeout(millis);
    return (await count()) - before;
  }

  /** Closes the page; nothing may have gone wrong in it or left its origin. */
  async close() {
    const foreign = this.requests.filter(
      (url) => !url.startsWith(this.root) && !url.startsWith("blob:") && !url.startsWith("data:"),
    );
    await this.page.context().close();
    assert.deepEqual(foreign, [], "requests left the folder of the page");
    assert.equal(this.errors.length, 0, `errors in the console, the first: ${this.errors[0]}`);
  }
}
