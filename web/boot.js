// Starts the application: picks the graphics interface, loads the module made for it, shows the
// progress of the download, and says in plain HTML what went wrong when nothing can be drawn. No
// request leaves this origin.
(() => {
  "use strict";
  const RELOAD_STAMP = "schedlab.reloaded";
  const RELOAD_PAUSE_MS = 30_000;
  const began = performance.now();
  const query = new URLSearchParams(location.search);
  const element = (id) => document.getElementById(id);

  const theme = query.get("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;

  // Inside another page, the wheel scrolls that page until the picture is clicked.
  if (query.has("embed")) {
    const root = document.documentElement;
    const listen = (on) => root.toggleAttribute("data-deaf", !on);
    listen(false);
    document.addEventListener("click", () => listen(true));
    root.addEventListener("mouseleave", () => listen(false));
  }

  let backend = null; // "webgpu", "gl", or null while unknown
  let bindings = null;
  let running = false;
  let over = false; // a panic: the module must not be entered again
  let memory = null; // the module's linear memory
  let missing = null; // the second part of the module while it is not here: its file, what it needs

  // ---- progress -------------------------------------------------------------------------------

  let fraction = 0;
  const loadingTimer = setInterval(() => {
    const seconds = (performance.now() - began) / 1000;
    if (running || seconds < 1) return;
    element("loading").hidden = false;
    element("loading-bar").value = fraction;
    const percent = Math.round(fraction * 100);
    const left = fraction > 0.02 && fraction < 1 ? (seconds * (1 - fraction)) / fraction : 0;
    const rest = seconds > 3 && left >= 1 ? `, about ${Math.ceil(left)} s left` : "";
    element("loading-text").textContent =
      fraction < 1 ? `Loading Schedlab, ${percent} %${rest}` : "Starting Schedlab";
  }, 200);

  function stopLoading() {
    clearInterval(loadingTimer);
    element("loading").hidden = true;
  }

  // ---- notices --------------------------------------------------------------------------------

  function notice({ title, text, report, corner, actions }) {
    const box = element("notice");
    element("notice-title").textContent = title;
    element("notice-text").textContent = text;
    element("notice-report").textContent = report ?? "";
    element("notice-report").hidden = !report;
    box.toggleAttribute("data-corner", Boolean(corner));
    const row = element("notice-actions");
    row.replaceChildren();
    for (const [label, run, plain] of actions) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      if (plain) button.className = "plain";
      button.addEventListener("click", () => run(button));
      row.append(button);
    }
    box.hidden = false;
  }

  const hideNotice = () => (element("notice").hidden = true);
  const reload = () => location.reload();

  async function copyReport(button) {
    try {
      await navigator.clipboard.writeText(element("notice-report").textContent);
      button.textContent = "Copied";
    } catch {
      // No clipboard here: mark the text, so that it can be copied by hand.
      getSelection().selectAllChildren(element("notice-report"));
      button.textContent = "Marked, press Ctrl+C";
    }
  }

  function recentlyReloaded() {
    try {
      const last = Number(sessionStorage.getItem(RELOAD_STAMP) ?? 0);
      if (Date.now() - last < RELOAD_PAUSE_MS) return true;
      sessionStorage.setItem(RELOAD_STAMP, String(Date.now()));
      return false;
    } catch {
      return true; // without a stamp, a loop could not be told from a first try
    }
  }

  // ---- what the application calls -------------------------------------------------------------

  window.schedlabPage = {
    panic(message) {
      over = true;
      stopLoading();
      notice({
        title: "Schedlab stopped because of an error in the program",
        text: "Your setup is in the address of this page and is kept. The report below helps us to repair the error.",
        report: `${message}\n\nsetup: ${location.hash || "(none)"}\ngraphics: ${backend}\nbrowser: ${navigator.userAgent}`,
        actions: [
          ["Reload with this setup", reload],
          ["Copy report", copyReport, true],
          ["Start from the beginning", () => { location.hash = ""; reload(); }, true],
        ],
      });
    },
    deviceLost(reason) {
      if (over) return;
      notice({
        title: "The graphics device was lost",
        text: "Results go on being computed on the CPU, but the picture stands still. Start the drawing again with the same setup.",
        report: reason,
        corner: true,
        actions: [
          ["Start again", restart],
          ["Reload with this setup", reload, true],
          ["Close", hideNotice, true],
        ],
      });
    },
  };

  // Until the second part of the module is here, only the home page is.
  window.schedlabPage.whole = () => missing === null;

  // Brings the second part at once, for code that is called before it is here.
  window.schedlabPage.arrive = () => {
    if (!missing) return;
    console.error("the second part of the module was needed before it was here");
    const request = new XMLHttpRequest();
    request.open("GET", missing.address, false);
    request.overrideMimeType("text/plain; charset=x-user-defined");
    request.send();
    if (request.status !== 200) throw new Error(`${missing.address}: ${request.status} ${request.statusText}`);
    const bytes = Uint8Array.from(request.responseText, (letter) => letter.charCodeAt(0));
    new WebAssembly.Instance(new WebAssembly.Module(bytes), { near: missing.near });
    missing = null;
  };

  // The browser reads JPEG files, so that the module carries no decoder: a PPM file of at most four
  // million pixels.
  window.schedlabPage.readPicture = async (bytes) => {
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
    const scale = Math.min(1, Math.sqrt(4e6 / (bitmap.width * bitmap.height)));
    const width = Math.max(1, Math.floor(bitmap.width * scale));
    const height = Math.max(1, Math.floor(bitmap.height * scale));
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0, width, height);
    bitmap.close();
    const { data } = context.getImageData(0, 0, width, height);
    const head = new TextEncoder().encode(`P6 ${width} ${height} 255\n`);
    const file = new Uint8Array(head.length + 3 * width * height);
    file.set(head);
    for (let i = 0, at = head.length; i < data.length; i += 4) {
      file[at++] = data[i];
      file[at++] = data[i + 1];
      file[at++] = data[i + 2];
    }
    return file;
  };

  // A read-only window into the running application.
  window.schedlab = Object.freeze({
    snapshot() {
      const text = bindings && !over ? bindings.snapshot_json() : "";
      return text ? { ...JSON.parse(text), graphics: backend } : null;
    },
    /** Bytes of the module's memory; it never shrinks. */
    memoryBytes() {
      return memory ? memory.buffer.byteLength : 0;
    },
    framesDrawn() {
      return bindings && !over ? bindings.frames_drawn() : 0;
    },
    loseDevice() {
      if (!running || over) return;
      if (backend === "webgpu") bindings.lose_device();
      else element("canvas").getContext("webgl2")?.getExtension("WEBGL_lose_context")?.loseContext();
    },
  });

  // ---- start ----------------------------------------------------------------------------------

  // Per graphics interface: the address of the script and of the module, and the module's bytes.
  // They are written into the page when it is built, below this script.
  const modules = () => JSON.parse(element("modules").textContent);

  const from = (path) => new URL(path, document.baseURI);

  /** Fetches a part of a module; `note` is told of every bit of it that arrives. */
  async function fetched(path, note) {
    const response = await fetch(from(path));
    if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
    const counted = response.body.pipeThrough(
      new TransformStream({
        transform(chunk, out) {
          note(chunk.length);
          out.enqueue(chunk);
        },
      }),
    );
    return new Response(counted, { headers: { "content-type": "application/wasm" } });
  }

  /** Whether this visit begins at the home page with nothing to go on with: then the labs may come later. */
  function startsAtHome() {
    if (!["", "#", "#home"].includes(location.hash)) return false;
    try {
      return localStorage.length === 0;
    } catch {
      return true; // no storage, nothing kept
    }
  }

  /**
   * Fetches and starts the module of a graphics interface. A module of two parts is started with the
   * first where that is enough for the first picture.
   */
  async function load(kind) {
    const { script, wasm, bytes, rest } = modules()[kind];
    const all = rest && !startsAtHome();
    const expected = bytes + (all ? rest.bytes : 0);
    let arrived = 0;
    const note = (length) => {
      arrived += length;
      fraction = Math.min(arrived / expected, 1);
    };
    const later = all ? fetched(rest.wasm, note).then(WebAssembly.compileStreaming) : null;
    later?.catch(() => {}); // said below, when it is waited for
    const [module, response] = await Promise.all([import(from(script)), fetched(wasm, note)]);
    // What the first part runs when it starts must not take the second for here.
    missing = rest ? { address: from(rest.wasm), path: rest.wasm } : null;
    const exports = await module.default({ module_or_path: response });
    memory = exports.memory;
    if (missing) missing.near = exports;
    bindings = module;
    if (later) await link(await later);
  }

  /** Puts the second part of a module into the first. */
  async function link(module) {
    const part = missing;
    await WebAssembly.instantiate(module, { near: part.near });
    if (missing === part) missing = null;
  }

  /** Fetches the second part while the first is in use. */
  async function complete() {
    if (!missing) return;
    const part = missing;
    try {
      const module = await WebAssembly.compileStreaming(await fetched(part.path, () => {}));
      if (missing !== part) return;
      await link(module);
      bindings.completed();
    } catch (error) {
      if (over || missing !== part) return;
      notice({
        title: "The labs did not arrive",
        text: "The home page is here, the rest of the program is not. This is usually the connection.",
        report: String(error?.message ?? error),
        corner: true,
        actions: [["Try again", () => { hideNotice(); complete(); }], ["Reload", reload, true]],
      });
    }
  }

  function failed(error) {
    if (over) return;
    stopLoading();
    notice({
      title: "Schedlab could not be loaded",
      text: "The program did not arrive whole. This is usually the connection; the address and your setup are kept.",
      report: String(error?.message ?? error),
      actions: [["Reload", reload], ["Copy report", copyReport, true]],
    });
  }

  // The shortest module with a vector instruction, as browsers since 2021 to 2023 accept it.
  const VECTORS = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15,
    253, 98, 11,
  ];

  function tooOld() {
    stopLoading();
    notice({
      title: "Schedlab needs a newer browser",
      text:
        "This one does not run WebAssembly with vector instructions. Chrome and Edge have them since version 91, Firefox since 89, Safari since 16.4. " +
        "The same program also runs natively: cargo run --release.",
      report: `browser: ${navigator.userAgent}`,
      actions: [["Try again", reload]],
    });
  }

  async function pickBackend() {
    if (query.get("backend") !== "gl" && navigator.gpu) {
      try {
        // The property alone says little: the adapter may still be refused.
        if (await navigator.gpu.requestAdapter()) return "webgpu";
      } catch {
        // Blocked by a policy of the browser: as good as absent.
      }
    }
    try {
      const probe = document.createElement("canvas").getContext("webgl2");
      probe?.getExtension("WEBGL_lose_context")?.loseContext();
      if (probe) return "gl";
    } catch {
      // The same.
    }
    return "none";
  }
  function noGraphics(reason) {
    stopLoading();
    notice({
      title: "Schedlab needs WebGPU or WebGL2 to draw",
      text:
        "This browser offers neither, often because hardware acceleration is switched off in its settings or because the graphics driver is blocked. " +
        "A current Chrome, Edge, Firefox or Safari with acceleration on will do; computing works without a GPU, drawing does not. " +
        "The same program also runs natively: cargo run --release, or on the command line: schedlab run CONFIG.json.",
      report: reason,
      actions: [["Try again", reload]],
    });
  }

  async function start() {
    try {
      await bindings.start(element("canvas"), backend);
      running = true;
    } catch (error) {
      const reason = String(error?.message ?? error);
      if (over) return;
      if (backend === "webgpu") {
        // A device can be refused although the adapter was granted.
        console.warn(`WebGPU did not start, WebGL2 is tried: ${reason}`);
        backend = "gl";
        freshCanvas();
        try {
          if (modules().gl.wasm !== modules().webgpu.wasm) await load(backend);
          complete();
        } catch (failure) {
          return failed(failure);
        }
        return start();
      }
      return noGraphics(reason);
    }
    watchContext();
    // The hidden field that receives typed text is nameless otherwise.
    document.querySelector("#stage > input")?.setAttribute("aria-label", "Text entry");
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        stopLoading();
        element("skeleton").hidden = true;
      }),
    );
  }

  // A canvas that had a context of one kind cannot get one of another.
  function freshCanvas() {
    const old = element("canvas");
    const canvas = old.cloneNode(false);
    canvas.removeAttribute("aria-activedescendant");
    old.replaceWith(canvas);
  }

  function watchContext() {
    element("canvas").addEventListener("webglcontextlost", () => {
      window.schedlabPage.deviceLost("The browser took the WebGL context away");
    });
  }

  async function restart() {
    hideNotice();
    running = false;
    try {
      bindings.stop();
    } catch (error) {
      if (!recentlyReloaded()) return reload();
      return window.schedlabPage.panic(String(error));
    }
    // Chromium's page process deadlocks now and then when a new device draws while the canvas of
    // the lost one is still configured: let go of it, and give the browser time to notice.
    if (backend === "webgpu") element("canvas").getContext("webgpu")?.unconfigure();
    freshCanvas();
    await new Promise((done) => setTimeout(done, 100));
    await start();
  }

  // ---- without a network ----------------------------------------------------------------------

  async function keepForOffline() {
    if (!navigator.serviceWorker || !isSecureContext) return;
    const updated = Boolean(navigator.serviceWorker.controller);
    try {
      await navigator.serviceWorker.register("./sw.js");
      const { active } = await navigator.serviceWorker.ready;
      // Only the module in use is worth the space.
      active.postMessage({ keep: backend });
    } catch {
      return; // storage refused or full: the page works, but needs the network
    }
    navigator.serviceWorker.addEventListener("controllerchange", () => {
      if (!updated || over || !element("notice").hidden) return;
      notice({
        title: "A newer version of Schedlab is here",
        text: "What is on screen stays as it is until you load it.",
        corner: true,
        actions: [["Load it with this setup", reload], ["Later", hideNotice, true]],
      });
    });
  }

  // The picture takes the Tab key for its own order. Escape, then Tab, leaves it.
  let leaving = false;
  addEventListener(
    "keydown",
    (event) => {
      if (!element("stage")?.contains(event.target)) return;
      if (event.key === "Tab" && leaving) event.stopImmediatePropagation();
      if (event.key !== "Shift") leaving = event.key === "Escape";
    },
    true,
  );

  addEventListener("hashchange", () => {
    if (running && !over) bindings.hash_changed();
  });

  addEventListener("DOMContentLoaded", async () => {
    if (!globalThis.WebAssembly?.validate(new Uint8Array(VECTORS))) return tooOld();
    backend = await pickBackend();
    if (backend === "none") return noGraphics("no adapter for WebGPU, no WebGL2 context");
    try {
      await load(backend);
    } catch (error) {
      return failed(error);
    }
    const begun = start();
    await Promise.all([begun, complete()]);
    keepForOffline();
  });
})();
