// How every service and store is, asked once for all pages.

import { get } from "./api.js";
import { fillWhenChanged } from "./dom.js";
import { badge } from "./parts.js";
import { keepAsking } from "./poll.js";

const SECONDS = 15;
const WORDS = { ok: "all well", degraded: "degraded", down: "down" };

const listeners = new Set();
let latest = null;

/** Calls `listener({health} or {error})` now, if anything is known, and with every answer, until `signal` ends it. */
export function whenHealthIsKnown(listener, signal) {
  listeners.add(listener);
  signal.addEventListener("abort", () => listeners.delete(listener), { once: true });
  if (latest) listener(latest);
}

/** Asks for as long as the console is open, and says in `place` how the whole is. */
export function startHealth(place) {
  const tell = (news, status, word) => {
    latest = news;
    fillWhenChanged(place, [status, word], () => badge(status, word));
    for (const listener of listeners) listener(news);
  };
  keepAsking(new AbortController().signal, SECONDS, async () => {
    const { data: health } = await get("/health", { accepted: [503] });
    tell({ health }, health.status, WORDS[health.status]);
  }, (error) => tell({ error }, "down", "cannot be reached"));
}
