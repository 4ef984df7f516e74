// Opens the native window on a virtual display and looks whether it draws:
//   node native.mjs PATH_OF_SCHEDLAB
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const PATIENCE_MS = 120_000;
const folder = mkdtempSync(join(tmpdir(), "schedlab-window-"));
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Xvfb chooses a free display number and says which. */
async function display() {
  const server = spawn(
    "Xvfb",
    ["-displayfd", "3", "-screen", "0", "1024x720x24", "-fbdir", folder, "-nolisten", "tcp"],
    { stdio: ["ignore", "ignore", "ignore", "pipe"] },
  );
  const number = await new Promise((done, failed) => {
    server.once("error", failed);
    server.once("exit", () => failed(new Error("Xvfb stopped")));
    server.stdio[3].once("data", (text) => done(String(text).trim()));
  });
  return { server, number };
}

/** Number of different colours in the screen's memory (an XWD file). */
function colours() {
  const dump = readFileSync(join(folder, "Xvfb_screen0"));
  const header = dump.readUInt32BE(0);
  const [height, stride, count] = [dump.readUInt32BE(20), dump.readUInt32BE(48), dump.readUInt32BE(76)];
  const start = header + count * 12;
  const seen = new Set();
  for (let at = start; at + 4 <= start + height * stride; at += 16) {
    seen.add(dump.readUInt32LE(at) & 0xffffff);
  }
  return seen.size;
}

const { server, number } = await display();
const app = spawn(resolve(process.argv[2]), [], {
  env: { ...process.env, DISPLAY: `:${number}`, WAYLAND_DISPLAY: "", XDG_RUNTIME_DIR: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
  stdio: ["ignore", "pipe", "pipe"],
});
let words = "";
app.stdout.on("data", (text) => (words += text));
app.stderr.on("data", (text) => (words += text));
let ended = null;
app.once("exit", (code, signal) => (ended = code ?? signal));

let seen = 0;
const end = Date.now() + PATIENCE_MS;
while (ended === null && seen < 40 && Date.now() < end) {
  await pause(250);
  seen = colours();
}
// It must stay open after its first picture.
await pause(1500);
const open = ended === null;
app.kill();
server.kill();
rmSync(folder, { recursive: true, force: true });

if (open && seen >= 40) {
  console.log(`ok the native window opens and draws (${seen} colours on the screen)`);
} else {
  console.log(`not ok the native window: ${open ? `only ${seen} colours on the screen` : `it ended with ${ended}`}\n${words}`);
}
console.log(`e2e result: ${open && seen >= 40 ? "1 passed, 0 failed" : "0 passed, 1 failed"}, 0 skipped (native window)`);
process.exit(open && seen >= 40 ? 0 : 1);
