// The frame: which page is shown, and what stands around it.

import { fill, h } from "./lib/dom.js";
import { startHealth } from "./lib/health.js";
import { nothing, problem } from "./lib/parts.js";
import { keepAsking } from "./lib/poll.js";
import { current, href } from "./lib/router.js";
import { startTheme } from "./lib/theme.js";
import { startTokenButton } from "./lib/token_dialog.js";
import * as overview from "./pages/overview.js";

/** What a page is called, and its module: the first one comes with this file, the others when it has had its time. */
const PAGES = {
  overview: ["Overview", () => overview],
  models: ["Models", () => import("./pages/models.js")],
  rollouts: ["Rollouts", () => import("./pages/rollouts.js")],
  playground: ["Playground", () => import("./pages/playground.js")],
  record: ["Record", () => import("./pages/record.js")],
  drift: ["Drift and quality", () => import("./pages/drift.js")],
  alerts: ["Alerts and thresholds", () => import("./pages/alerts.js")],
  analysis: ["Analysis", () => import("./pages/analysis.js")],
  keys: ["Keys", () => import("./pages/keys.js")],
};
const OTHERS_AFTER_MS = 3000;
const RETRY_SECONDS = 2;

const content = document.getElementById("content");
const loaded = new Map([["overview", overview]]);
let shown = { page: null, over: new AbortController() };

async function load(name) {
  if (!loaded.has(name)) loaded.set(name, await PAGES[name][1]());
  return loaded.get(name);
}

function show() {
  const { page: named, params } = current();
  const name = Object.hasOwn(PAGES, named) ? named : "overview";
  const [title] = PAGES[name];
  const again = shown.page === name;
  const focused = document.activeElement?.id;
  shown.over.abort();
  shown = { page: name, over: new AbortController() };
  const { signal } = shown.over;
  document.title = `${title} · Model server`;
  for (const link of document.querySelectorAll("#pages a")) {
    link.toggleAttribute("data-here", link.dataset.page === name);
    if (link.dataset.page === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  inSight(document.querySelector("#pages [aria-current]"));
  const render = () => fill(content, h("h1", {}, title), loaded.get(name).render(params, signal));
  if (loaded.has(name)) render();
  else whenItIsHere(name, title, signal, render);
  if (again && focused) document.getElementById(focused)?.focus();
}

/** On a phone the names of pages are wider than the screen: that of this one is scrolled to. */
function inSight(link) {
  const list = link.closest("nav");
  list.scrollLeft = link.offsetLeft - list.offsetLeft - (list.clientWidth - link.offsetWidth) / 2;
}

/** Loads the page's module, over and over if it must be, and then shows it. */
function whenItIsHere(name, title, signal, render) {
  fill(content, h("h1", {}, title), nothing("Loading …"));
  const trying = new AbortController();
  keepAsking(AbortSignal.any([signal, trying.signal]), RETRY_SECONDS, async () => {
    await load(name);
    trying.abort();
    if (!signal.aborted) render();
  }, () => fill(content, h("h1", {}, title), problem({ message: "This page could not be loaded. Trying again." })));
}

/** The other pages, so that going there waits for nothing; not while nobody looks. */
function loadOthers() {
  if (document.hidden) addEventListener("visibilitychange", loadOthers, { once: true });
  else for (const name of Object.keys(PAGES)) load(name).catch(() => {}); // whoever goes there hears of it
}

function start() {
  fill(document.getElementById("pages"), Object.entries(PAGES).map(([name, [title]]) =>
    h("li", {}, h("a", { href: href(name), "data-page": name }, title))));
  startTheme(document.getElementById("theme"));
  startTokenButton(document.getElementById("token"));
  addEventListener("hashchange", () => {
    show();
    if (document.activeElement === document.body) content.focus({ preventScroll: true });
  });
  show();
  startHealth(document.getElementById("system"));
  setTimeout(loadOthers, OTHERS_AFTER_MS);
}

start();
