// Finishes a built page (trunk's post_build hook): pins what may run on it with a Content-Security-
// Policy over the hashes of its inline scripts and styles, and writes the service worker with the
// list of files of this version. Says how much a visitor downloads.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";

const folder = process.env.TRUNK_STAGING_DIR ?? process.argv[2];
const source = dirname(fileURLToPath(import.meta.url));
const page = join(folder, "index.html");
let html = readFileSync(page, "utf8");

/** The hashes of the inline elements with this tag. */
function hashes(tag) {
  const found = [];
  for (const [, attributes, text] of html.matchAll(new RegExp(`<${tag}\\b([^>]*)>([\\s\\S]*?)</${tag}>`, "g"))) {
    if (/\bsrc=/.test(attributes)) continue;
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

// The preview picture is for other sites, not for the visitor.
const files = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => entry.name)
  .filter((name) => !["index.html", "sw.js", "serving-compare.png"].includes(name))
  .sort();
const version = createHash("sha256");
for (const name of ["index.html", ...files]) version.update(name).update(readFileSync(join(folder, name)));
const worker = readFileSync(join(source, "sw.js"), "utf8")
  .replace('"VERSION"', JSON.stringify(version.digest("hex").slice(0, 16)))
  .replace('["FILES"]', JSON.stringify(["./", ...files.map((name) => `./${name}`)]));
writeFileSync(join(folder, "sw.js"), worker);

// A release is worth the half minute that the smallest form takes.
const quality = process.env.TRUNK_PROFILE === "release" ? 11 : 5;
const module = files.find((name) => name.endsWith("_bg.wasm"));
const raw = readFileSync(join(folder, module));
const packed = brotliCompressSync(raw, {
  params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: raw.length },
});
console.log(`${module}: ${raw.length} bytes, ${packed.length} bytes with brotli -q ${quality}`);
