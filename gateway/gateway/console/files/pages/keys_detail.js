// One key: what it is for, what becomes of it, who changed it.

import { ask, get, post } from "../lib/api.js";
import { confirmed } from "../lib/confirm.js";
import { fill, h } from "../lib/dom.js";
import { count, words } from "../lib/format.js";
import { badge, card, field, nothing, problem, table, time, whenOpened } from "../lib/parts.js";
import { href } from "../lib/router.js";
import { changeForm, forAudit, sending } from "./keys_forms.js";
import { shownOnce } from "./keys_secret.js";

const LIVES = [[0, "no longer"], [3600, "1 h more"], [86_400, "1 d more"], [604_800, "7 d more"], [2_592_000, "30 d more"]];
const USUAL = 86_400;

export function detail({ id }, signal) {
  const secret = h("div", {}), place = h("div", {}, nothing("Loading …"));
  const show = (key) => {
    const again = (changed) => {
      if (changed.key) fill(secret, shownOnce(changed));
      show(changed);
    };
    fill(place, card(key.name, facts(key)), !key.revoked_at && h("div", { class: "grid" }, card("Change it", changeForm(key, signal, again)), card("Replace or revoke it", ends(key, signal, again))),
      card("Use", use(key, signal)), card("Changes", audit({ key_id: key.key_id }, signal)));
  };
  get(`/keys/${encodeURIComponent(id)}`, { admin: true, signal }).then(({ data }) => show(data), (error) => signal.aborted || fill(place, problem(error)));
  return [h("p", { class: "controls" }, h("a", { href: href("keys") }, "Back to all keys")), secret, place];
}

function facts({ key: _, name: __, ...key }) {
  return [h("dl", { class: "facts" }, Object.entries(key).map(([name, value]) => [h("dt", {}, words(name)), h("dd", {}, said(name, value))])),
    h("p", { class: "actions" }, h("a", { href: href("record", { key_id: key.key_id }) }, "Its predictions on record"))];
}

function said(name, value) {
  if (name === "key_id" || name === "prefix") return h("code", { class: "digest" }, value);
  if (name === "revoked_at" && value) return [badge("down", "revoked"), " ", time(value)];
  if (value !== null && name.endsWith("_at")) return time(value);
  return plain(value) || "–";
}

/** Anything the API says, in a line. */
function plain(value) {
  if (Array.isArray(value)) return value.map(plain).join(", ");
  if (value !== null && typeof value === "object") return Object.entries(value).map(([name, one]) => `${name}: ${plain(one)}`).join("; ");
  return value === null ? "" : String(value);
}

function ends(key, signal, again) {
  const lives = h("select", { id: "old-lives" }, LIVES.map(([value, label]) => h("option", { value }, label)));
  const audited = forAudit("end"), trouble = h("div", { role: "status" });
  lives.value = USUAL;
  const rotate = sending(trouble, signal, async () => {
    again((await post(`/keys/${key.key_id}/rotate`, { revision: key.revision, old_lives_seconds: Number(lives.value), ...audited.values() }, { admin: true, signal })).data);
  });
  const revoke = async () => {
    const done = await confirmed(`Revoke ${key.name}?`, "Whoever calls with it is refused from then on, everywhere, for good. Its name is free for another key.", "Revoke",
      async () => (await ask("DELETE", `/keys/${key.key_id}`, { params: audited.values(), admin: true })).data);
    if (done && !signal.aborted) again(done);
  };
  return [h("p", { class: "note" }, "Another key in its place has its id, rights and limits."), h("div", { class: "inputs" }, field("The old one lives", lives), audited.fields), trouble,
    h("p", { class: "actions" }, h("button", { type: "button", onclick: rotate }, "Another key in its place"), h("button", { type: "button", onclick: revoke }, "Revoke it …"))];
}

/** What it was used for in the last 30 days, the newest first. */
function use(key, signal) {
  return whenOpened("By day", signal, async () => {
    const { data } = await get(`/keys/${key.key_id}/usage`, { admin: true, signal });
    const line = (name, one) => [name, ...[one.requests, one.refused, one.predictions, one.feedback, one.reports].map(count)];
    return table("Use by day (UTC)", ["Day", "Requests", "Refused", "Predictions", "Feedback", "Reports"],
      [line("30 days", data.total), ...data.days.reverse().map((day) => line(day.day, day))]);
  });
}

/** Who changed keys, the newest first. */
export function audit(params, signal) {
  return whenOpened("Who changed what", signal, async () => {
    const { data } = await get("/keys/audit", { params, admin: true, signal });
    return data.events.length ? h("ol", { class: "rows" }, data.events.map(inWords)) : nothing("Nothing was ever changed.");
  });
}

function inWords(event) {
  return h("li", {}, time(event.at), " ", h("strong", {}, event.action), " ", h("a", { href: href("keys", { id: event.key_id }) }, event.key.name), ` by ${event.actor}`,
    event.reason && h("span", { class: "note" }, `: ${event.reason}`));
}
