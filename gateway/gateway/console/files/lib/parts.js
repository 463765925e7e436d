// Pieces that several pages are made of.

import { fill, h, say } from "./dom.js";
import { moment } from "./format.js";

const SIGNS = {
  ok: ["✓", "good"], normal: ["✓", "good"], ready: ["✓", "good"], stable: ["✓", "good"], closed: ["✓", "good"],
  degraded: ["▲", "warning"], warning: ["▲", "warning"], slight: ["▲", "warning"], moderate: ["▲", "warning"],
  medium: ["▲", "warning"], low: ["○", "neutral"], outdated: ["▲", "warning"], half_open: ["▲", "warning"],
  down: ["✕", "bad"], critical: ["✕", "bad"], significant: ["✕", "bad"], high: ["✕", "bad"], unavailable: ["✕", "bad"],
  skipped: ["✕", "bad"], open: ["✕", "bad"],
  same: ["✓", "good"], better: ["✓", "good"], mixed: ["▲", "warning"], different: ["▲", "warning"], worse: ["✕", "bad"],
};

/** A state as a sign, a colour and its word. */
export function badge(state, word = String(state).replaceAll("_", " ")) {
  const [sign, kind] = Object.hasOwn(SIGNS, state) ? SIGNS[state] : ["○", "neutral"];
  return h("span", { class: `badge ${kind}` }, h("span", { "aria-hidden": "true" }, sign), " ", word);
}

/** A number that matters, with what it is. `set(value, note)`. */
export function tile(label, explanation) {
  const value = h("dd", { class: "value" }, "…"), note = h("dd", { class: "note" });
  return {
    element: h("div", { class: "tile", title: explanation }, h("dt", {}, label), value, note),
    set(text, remark = "") {
      say(value, text);
      say(note, remark);
    },
  };
}

/** A moment, with the zone, and in UTC for whoever asks. */
export function time(value, form) {
  const iso = new Date(value).toISOString();
  return h("time", { datetime: iso, title: iso }, moment(value, form));
}

/** A card with a heading; further children below it. */
export function card(title, ...children) {
  return h("section", { class: "card" }, h("h2", {}, title), ...children);
}

/** What went wrong, in the server's words, with what helps to find it in the logs. */
export function problem(error) {
  const which = error.status ? `${error.title || "Error"} (${error.status}). ` : "";
  const wait = error.retryAfterSeconds ? ` Try again in ${error.retryAfterSeconds} s.` : "";
  return h("div", { class: "problem", role: "alert" }, h("p", {}, which, error.message, wait),
    error.errors?.length ? h("ul", {}, error.errors.slice(0, 20).map((one) => h("li", {}, h("code", {}, one.location), " ", one.message))) : null,
    error.requestId && h("p", { class: "note" }, "Request id ", h("code", {}, error.requestId)));
}

/**
 * A line that says how fresh a page is: `fresh()` after an answer, `failed(error)` after none. Screen readers hear only
 * of changes between the two.
 */
export function freshness() {
  const line = h("span", {}), trouble = h("span", { role: "status" });
  let last = null;
  return {
    element: h("p", { class: "freshness" }, line, trouble),
    fresh() {
      last = new Date();
      say(line, `As of ${moment(last, "time")}`);
      say(trouble, "");
      trouble.className = "";
    },
    failed(error) {
      say(line, last ? `As of ${moment(last, "time")}. ` : "");
      say(trouble, last ? `Stale: ${error.message} Trying again.` : `Nothing could be loaded: ${error.message} Trying again.`);
      trouble.className = "stale";
    },
  };
}

/** Choices of which one is in the address: links, so that each can be shared. */
export function choices(label, options, chosen, hrefOf) {
  return h("div", { class: "choices", role: "group", "aria-label": label }, options.map(([value, text]) =>
    h("a", { id: `choice-${value}`, href: hrefOf(value), "aria-current": value === chosen ? "true" : null }, text)));
}

/** A table of rows of cells. Scrolls within itself on a narrow screen. */
export function table(caption, heads, rows) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell)))))));
}

/** A control of a form with its label. */
export function field(label, control) {
  return h("div", { class: "input" }, h("label", { for: control.id }, label), control);
}

/** Says what is not there, in a sentence. */
export function nothing(sentence) {
  return h("p", { class: "nothing" }, sentence);
}

/** What `make` answers, asked for each time that somebody wants to know. */
export function whenOpened(summary, signal, make) {
  const place = h("div", {}, nothing("Loading …"));
  const element = h("details", {}, h("summary", {}, summary), place);
  element.addEventListener("toggle", async () => {
    if (!element.open) return;
    try {
      fill(place, await make());
    } catch (error) {
      if (!signal.aborted) fill(place, problem(error));
    }
  });
  return element;
}
