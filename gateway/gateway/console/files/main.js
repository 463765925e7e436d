// The frame: which page is shown, and what stands around it.

import { fill, h } from "./lib/dom.js";
import { startHealth } from "./lib/health.js";
import { current, href } from "./lib/router.js";
import { startTheme } from "./lib/theme.js";
import { startTokenButton } from "./lib/token_dialog.js";
import * as alerts from "./pages/alerts.js";
import * as analysis from "./pages/analysis.js";
import * as drift from "./pages/drift.js";
import * as keys from "./pages/keys.js";
import * as models from "./pages/models.js";
import * as overview from "./pages/overview.js";
import * as playground from "./pages/playground.js";
import * as record from "./pages/record.js";
import * as rollouts from "./pages/rollouts.js";

const PAGES = { overview, models, rollouts, playground, record, drift, alerts, analysis, keys };

const content = document.getElementById("content");
let shown = { page: null, over: new AbortController() };

function show() {
  const { page: named, params } = current();
  const name = named in PAGES ? named : "overview";
  const again = shown.page === name;
  const focused = document.activeElement?.id;
  shown.over.abort();
  shown = { page: name, over: new AbortController() };
  const page = PAGES[name];
  document.title = `${page.title} · Model server`;
  for (const link of document.querySelectorAll("#pages a")) {
    link.toggleAttribute("data-here", link.dataset.page === name);
    if (link.dataset.page === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  fill(content, h("h1", {}, page.title), page.render(params, shown.over.signal));
  if (again && focused) document.getElementById(focused)?.focus();
}

function start() {
  fill(document.getElementById("pages"), Object.entries(PAGES).map(([name, page]) =>
    h("li", {}, h("a", { href: href(name), "data-page": name }, page.title))));
  startTheme(document.getElementById("theme"));
  startTokenButton(document.getElementById("token"));
  addEventListener("hashchange", () => {
    show();
    if (document.activeElement === document.body) content.focus({ preventScroll: true });
  });
  show();
  startHealth(document.getElementById("system"));
}

start();
