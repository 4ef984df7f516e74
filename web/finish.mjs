// Finishes a built page (trunk's post_build hook). In a release it builds a second module for
// browsers with WebGPU, without WebGL2 and with our own code but the inner loops and the simulator
// (crates/) made for size: a third smaller.
// The other one is made for speed, because where there is no WebGPU the CPU computes everything;
// builds that are no release have it alone. It writes down where the modules are, pins what may run
// on the page with a Content-Security-Policy over the hashes of its inline scripts and styles, and
// writes the service worker with the list of files of this version. Says how much a visitor
// downloads.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";

const folder = process.env.TRUNK_STAGING_DIR ?? process.argv[2];
const source = dirname(fileURLToPath(import.meta.url));
const page = join(folder, "index.html");
let html = readFileSync(page, "utf8");
const release = process.env.TRUNK_PROFILE === "release";
const hash = (data, length) => createHash("sha256").update(data).digest("hex").slice(0, length);

/** A tool on the path, or where trunk keeps those that it downloads. */
function tool(name) {
  const cache = join(homedir(), ".cache", "trunk");
  let kept = [];
  try {
    kept = readdirSync(cache).filter((entry) => entry.startsWith(`${name}-`));
  } catch {
    // trunk downloaded nothing
  }
  const places = [name, ...kept.flatMap((entry) => [join(cache, entry, name), join(cache, entry, "bin", name)])];
  return places.find((place) => {
    try {
      execFileSync(place, ["--version"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}

/** The module for browsers with WebGPU, under a name with its hash; undefined when a tool is missing. */
function withoutWebgl() {
  const [bindgen, optimiser] = ["wasm-bindgen", "wasm-opt"].map(tool);
  if (!bindgen || !optimiser) {
    console.log("one module for WebGPU and WebGL2: wasm-bindgen or wasm-opt is not on the path");
    return undefined;
  }
  const run = (command, args) => execFileSync(command, args, { stdio: ["ignore", "inherit", "inherit"], cwd: join(source, "..") });
  const features = ["--no-default-features", "--features", "app"];
  const target = ["--target", "wasm32-unknown-unknown"];
  const small = ["--config", 'profile.release.opt-level="z"'];
  run("cargo", ["build", "--release", "--offline", "--bin", "schedlab", ...target, ...features, ...small]);
  const { target_directory: built } = JSON.parse(
    execFileSync("cargo", ["metadata", "--no-deps", "--offline", "--format-version", "1"], { cwd: join(source, "..") }),
  );
  const work = mkdtempSync(join(tmpdir(), "schedlab-"));
  try {
    const wasm = join(built, target[1], "release", "schedlab.wasm");
    run(bindgen, ["--target", "web", "--no-typescript", "--out-dir", work, wasm]);
    run(optimiser, ["-Os", ...wasmOptParams(), join(work, "schedlab_bg.wasm"), "-o", join(work, "small.wasm")]);
    const name = `schedlab-webgpu-${hash(readFileSync(join(work, "small.wasm")), 16)}`;
    copyFileSync(join(work, "schedlab.js"), join(folder, `${name}.js`));
    copyFileSync(join(work, "small.wasm"), join(folder, `${name}_bg.wasm`));
    return `./${name}`;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The options that trunk optimises with, from the page's source. */
function wasmOptParams() {
  const text = readFileSync(join(source, "index.html"), "utf8");
  const found = text.match(/data-wasm-opt-params="([^"]*)"/);
  if (!found) throw new Error("index.html has lost its data-wasm-opt-params");
  return found[1].split(" ");
}

// trunk's own start and its preloads name one module; boot.js picks.
const start = html.match(/<script type="module"[^>]*>[\s\S]*?from '(\.\/schedlab-[^']*)\.js'[\s\S]*?<\/script>\s*/);
if (!start) throw new Error("trunk's start script is not where it was");
html = html.replace(start[0], "").replace(/<link rel="(module)?preload"[^>]*>/g, "");
const both = start[1];
const small = release && !process.env.SCHEDLAB_ONE_MODULE ? withoutWebgl() : undefined;
const module = (path) => ({
  script: `${path}.js`,
  wasm: `${path}_bg.wasm`,
  bytes: statSync(join(folder, `${path}_bg.wasm`)).size,
});
const modules = { webgpu: module(small ?? both), gl: module(both) };
html = html.replace("</head>", `<script type="application/json" id="modules">${JSON.stringify(modules)}</script>\n  </head>`);

/** The hashes of the inline elements with this tag. */
function hashes(tag) {
  const found = [];
  for (const [, attributes, text] of html.matchAll(new RegExp(`<${tag}\\b([^>]*)>([\\s\\S]*?)</${tag}>`, "g"))) {
    if (/\bsrc=|application\/json/.test(attributes)) continue;
    found.push(`'sha256-${createHash("sha256").update(text).digest("base64")}'`);
  }
  return [...new Set(found)].join(" ");
}

const policy = [
  "default-src 'none'",
  `script-src 'self' 'wasm-unsafe-eval' ${hashes("script")}`,
  `style-src 'self' ${hashes("style")}`,
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");
const meta = `<meta http-equiv="Content-Security-Policy" content="${policy}" />`;
if (!html.includes('<meta charset="utf-8" />')) throw new Error("index.html has lost its charset line");
html = html.replace('<meta charset="utf-8" />', (line) => `${line}\n    ${meta}`);
writeFileSync(page, html);

// The preview picture is for other sites, not for the visitor; a module is kept when it is used.
const named = Object.fromEntries(Object.entries(modules).map(([kind, { script, wasm }]) => [kind, [script, wasm]]));
const apart = new Set(["./index.html", "./sw.js", "./serving-compare.png", ...Object.values(named).flat()]);
const files = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => `./${entry.name}`)
  .filter((name) => !apart.has(name))
  .sort();
const version = createHash("sha256");
for (const name of ["./index.html", ...files, ...Object.values(named).flat()]) {
  version.update(name).update(readFileSync(join(folder, name)));
}
const worker = readFileSync(join(source, "sw.js"), "utf8")
  .replace('"VERSION"', JSON.stringify(version.digest("hex").slice(0, 16)))
  .replace('["FILES"]', JSON.stringify(["./", ...files]))
  .replace("{ MODULES: [] }", JSON.stringify(named));
writeFileSync(join(folder, "sw.js"), worker);

// A release is worth the half minute that the smallest form takes.
const quality = release ? 11 : 5;
for (const wasm of new Set(Object.values(modules).map((one) => one.wasm))) {
  const raw = readFileSync(join(folder, wasm));
  const packed = brotliCompressSync(raw, {
    params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: raw.length },
  });
  const kinds = Object.keys(modules).filter((kind) => modules[kind].wasm === wasm);
  console.log(`${wasm} (${kinds.join(", ")}): ${raw.length} bytes, ${packed.length} bytes with brotli -q ${quality}`);
}
