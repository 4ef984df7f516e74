// Keeps the page usable without a network after the first visit. The page itself comes from the
// network where there is one, so that a new version is seen at once; its files carry a hash in
// their names and are taken from the cache.
"use strict";
const CACHE = `schedlab-${"VERSION"}`;
const FILES = ["FILES"];
// Per graphics interface, the files of its module.
const MODULES = { MODULES: [] };
// Which interfaces this browser has used, kept beside the files.
const USED = "./used-modules";

async function used() {
  const known = await caches.match(USED);
  return known ? known.json() : [];
}

async function fill() {
  const kinds = await used();
  await keep([...FILES, ...kinds.flatMap((kind) => MODULES[kind] ?? [])], kinds);
  await self.skipWaiting();
}

/** Puts files into the cache of this version, with the list of interfaces they are for. */
async function keep(files, kinds) {
  const cache = await caches.open(CACHE);
  await Promise.all(
    [...new Set(files)].map(async (file) => {
      // An unchanged file of the version before needs no second download.
      const known = file === "./" ? undefined : await caches.match(file);
      if (known) await cache.put(file, known);
      else await cache.add(file);
    }),
  );
  await cache.put(USED, Response.json(kinds));
}

async function tidy() {
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith("schedlab-") && name !== CACHE).map((name) => caches.delete(name)),
  );
  await self.clients.claim();
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  if (request.mode === "navigate") {
    try {
      return await fetch(request);
    } catch (error) {
      const page = await cache.match("./");
      if (page) return page;
      throw error;
    }
  }
  return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
}

self.addEventListener("install", (event) => event.waitUntil(fill()));
self.addEventListener("message", (event) => {
  const kind = event.data?.keep;
  if (!MODULES[kind]) return;
  event.waitUntil(used().then((kinds) => keep(MODULES[kind], [...new Set([...kinds, kind])])));
});
self.addEventListener("activate", (event) => event.waitUntil(tidy()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== self.location.origin) return;
  event.respondWith(answer(request));
});
