// Keys: who may call, and what; made, changed, replaced and revoked, with the admin token.

import { get } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { badge, card, nothing, problem, time } from "../lib/parts.js";
import { href } from "../lib/router.js";
import { locked } from "../lib/token_dialog.js";
import { hasToken, whenTokenChanges } from "../lib/token.js";
import { createForm } from "./keys_forms.js";
import { audit, detail } from "./keys_detail.js";
import { shownOnce } from "./keys_secret.js";

const PAGE_ROWS = 100;

export function render(params, signal) {
  const place = h("div", {});
  const show = () => fill(place, hasToken() ? unlocked(params, signal) : locked("Who may call, and what, is shown and changed with the admin token."));
  whenTokenChanges(show, signal);
  show();
  return place;
}

function unlocked(params, signal) {
  if (params.id) return detail(params, signal);
  const secret = h("div", {}), rows = list(signal);
  const made = (key) => {
    fill(secret, shownOnce(key));
    rows.again();
  };
  return [secret, rows.element, card("Another key", createForm(signal, made)), card("Changes", audit({}, signal))];
}

/** Those that are not revoked, by name, page by page. */
function list(signal) {
  const rows = h("tbody", {}), said = h("div", { role: "status" }), more = h("button", { type: "button" }, "More");
  let after = null;
  const load = async () => {
    more.hidden = true;
    try {
      const { data } = await get("/keys", { params: { after, limit: PAGE_ROWS }, admin: true, signal });
      if (after === null) fill(rows);
      rows.append(...data.keys.map(row));
      after = data.next_after;
      more.hidden = after === null;
      fill(said, rows.children.length ? null : nothing("There is none: callers may do what ANONYMOUS allows."));
    } catch (error) {
      if (!signal.aborted) fill(said, problem(error));
    }
  };
  const again = () => {
    after = null;
    load();
  };
  fill(said, nothing("Loading …"));
  load();
  more.addEventListener("click", load);
  const heads = ["Name", "Begins with", "For", "Limits", "Expires", "Used last"];
  return { again, element: card("Keys", h("div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "Keys by name" },
    h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))), rows)), said, h("p", { class: "actions" }, more)) };
}

function row(key) {
  const expired = key.expires_at && Date.parse(key.expires_at) <= Date.now();
  return h("tr", {}, h("td", {}, h("a", { href: href("keys", { id: key.key_id }) }, key.name)), h("td", {}, h("code", {}, key.prefix)), h("td", {}, key.rights.join(", ")),
    h("td", {}, key.limits ?? "its address's"), h("td", {}, key.expires_at ? [time(key.expires_at), expired && [" ", badge("warning", "expired")]] : "never"),
    h("td", {}, key.last_used_at ? time(key.last_used_at) : "–"));
}
