// Finishes a built page (trunk's post_build hook). In a release it builds a second module for
// browsers with WebGPU, without WebGL2 and with our own code but the inner loops and the simulator
// (crates/) made for size: a third smaller.
// The other one is made for speed, because where there is no WebGPU the CPU computes everything;
// builds that are no release have it alone. It parts every module in two (crates/splitter): what the
// home page needs, and the labs. It writes down where the modules are, pins what may run
// on the page with a Content-Security-Policy over the hashes of its inline scripts and styles, and
// writes the service worker with the list of files of this version. Says how much a visitor
// downloads.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
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

const root = join(source, "..");
const run = (command, args) => execFileSync(command, args, { stdio: ["ignore", "inherit", "inherit"], cwd: root });

/** Script and module for browsers with WebGPU, made in a folder; undefined when a tool is missing. */
function withoutWebgl(work) {
  const [bindgen, optimiser] = ["wasm-bindgen", "wasm-opt"].map(tool);
  if (!bindgen || !optimiser) {
    console.log("one module for WebGPU and WebGL2: wasm-bindgen or wasm-opt is not on the path");
    return undefined;
  }
  const features = ["--no-default-features", "--features", "app"];
  const target = ["--target", "wasm32-unknown-unknown"];
  const forSize = ["--config", 'profile.release.opt-level="z"'];
  run("cargo", ["build", "--release", "--offline", "--bin", "schedlab", ...target, ...features, ...forSize]);
  const { target_directory: built } = JSON.parse(
    execFileSync("cargo", ["metadata", "--no-deps", "--offline", "--format-version", "1"], { cwd: root }),
  );
  const wasm = join(built, target[1], "release", "schedlab.wasm");
  run(bindgen, ["--target", "web", "--no-typescript", "--out-dir", work, wasm]);
  const small = join(work, "small.wasm");
  run(optimiser, ["-Os", ...wasmOptParams(), join(work, "schedlab_bg.wasm"), "-o", small]);
  return { script: join(work, "schedlab.js"), wasm: small };
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

// Functions with one of the later texts in their names, and none of the first, come with the labs.
const LATER = [
  ...["schedlab::labs", "schedlab_core", "schedlab_simulator", "schedlab::export", "schedlab::ui::chart", "schedlab::ui::table"],
  ...["screen", "bench_page", "claims_page", "sweep", "seeds", "slot", "history"].map((name) => `schedlab::app::${name}`),
  ...["kernels", "bench", "images", "products", "select", "slicer", "tune", "twin"].map((name) => `schedlab::gpu::${name}`),
];
const FIRST = [
  ...["labs::exhibit", "labs::stored", "labs::LabKind", "gpu::kernels::philox_words"].map((name) => `schedlab::${name}`),
  ...["claim", "error", "rng::philox", "stats::percentile"].map((name) => `schedlab_core::${name}`),
  ...["drop_in_place<core::", "drop_in_place<alloc::", "drop_in_place<schedlab::gpu::readback"],
];
// What only the labs read.
const DATA = ["assets/digits.bin", "assets/alice.txt"];

/** Parts a module and writes script and parts into the page's folder, under names with their hash. */
function parted({ script, wasm }, label, work) {
  const [near, far] = ["near.wasm", "far.wasm"].map((name) => join(work, name));
  const names = release ? [] : ["--names"];
  run("cargo", [
    ...["run", "--quiet", "--locked", "-p", "schedlab-splitter", "--", wasm, near, far, ...names],
    ...["--later", ...LATER, "--first", ...FIRST, "--data", ...DATA],
  ]);
  const [code, first, second] = [script, near, far].map((file) => readFileSync(file));
  const name = `./schedlab-${label}${hash(Buffer.concat([code, first, second]), 16)}`;
  const files = { script: `${name}.js`, wasm: `${name}_bg.wasm`, bytes: first.length };
  const rest = { wasm: `${name}_labs_bg.wasm`, bytes: second.length };
  for (const [file, content] of [[files.script, code], [files.wasm, first], [rest.wasm, second]]) {
    writeFileSync(join(folder, file), content);
  }
  return { ...files, rest };
}

const work = mkdtempSync(join(tmpdir(), "schedlab-"));
const modules = {};
try {
  const built = { script: join(folder, `${start[1]}.js`), wasm: join(folder, `${start[1]}_bg.wasm`) };
  modules.gl = parted(built, "", work);
  rmSync(built.script);
  rmSync(built.wasm);
  const small = release && !process.env.SCHEDLAB_ONE_MODULE ? withoutWebgl(work) : undefined;
  modules.webgpu = small ? parted(small, "webgpu-", work) : modules.gl;
} finally {
  rmSync(work, { recursive: true, force: true });
}
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
const named = Object.fromEntries(
  Object.entries(modules).map(([kind, { script, wasm, rest }]) => [kind, [script, wasm, rest.wasm]]),
);
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
for (const module of new Set(Object.values(modules))) {
  const kinds = Object.keys(modules).filter((kind) => modules[kind] === module);
  const sizes = [module.wasm, module.rest.wasm].map((wasm) => {
    const raw = readFileSync(join(folder, wasm));
    const packed = brotliCompressSync(raw, {
      params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: raw.length },
    });
    return [raw.length, packed.length];
  });
  const [[first, firstPacked], [later, laterPacked]] = sizes;
  console.log(
    `${kinds.join(", ")}: ${first + later} bytes, ${firstPacked + laterPacked} with brotli -q ${quality}; ` +
      `${first} and ${firstPacked} of them before the home page`,
  );
}
