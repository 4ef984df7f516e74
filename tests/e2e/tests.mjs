// The tests by the graphics they need. Each gets a fresh page (`open`) and says what went wrong by
// throwing.
import { CHANGES } from "./changes.mjs";
import { FILES } from "./files.mjs";
import { MEMORY } from "./graphics.mjs";
import { PAGE } from "./page.mjs";
import { STUDIES } from "./studies.mjs";

export { EVERYWHERE } from "./everywhere.mjs";
export { LOSS, WITHOUT_GPU } from "./graphics.mjs";

export const WITH_WEBGPU = [...CHANGES, ...FILES, ...STUDIES, ...PAGE, ...MEMORY];
