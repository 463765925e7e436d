// Forms for what a key is like.

import { ask, post } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { zone } from "../lib/format.js";
import { field, problem } from "../lib/parts.js";

const RIGHTS = [["predict", "Predictions"], ["read", "Numbers and the record"], ["feedback", "Feedback"], ["analyze", "Reports"], ["admin", "Everything, keys included"]];

export function text(id, value = "", more = {}) {
  return h("input", { id, type: "text", autocomplete: "off", value, ...more });
}

/** Who, and why, for the audit: `values()` as far as it is said. */
export function forAudit(id) {
  const reason = text(`${id}-reason`, "", { maxlength: 500 }), who = text(`${id}-who`, "", { maxlength: 100 });
  return {
    fields: [field("Reason", reason), field("Your name (for the audit)", who)],
    values: () => ({ ...(reason.value.trim() && { reason: reason.value.trim() }), ...(who.value.trim() && { changed_by: who.value.trim() }) }),
  };
}

/** What a form or a button does; `said` has what went wrong. */
export function sending(said, signal, act) {
  return async (event) => {
    event.preventDefault();
    try {
      await act();
    } catch (error) {
      if (!signal.aborted) fill(said, problem(error));
    }
  };
}

export function createForm(signal, done) {
  const wishes = wishesOf("new", {}), words = forAudit("new"), said = h("div", { role: "status" });
  const form = h("form", { onsubmit: sending(said, signal, async () => {
    const { data } = await post("/keys", { ...wishes.values(), ...words.values() }, { admin: true, signal });
    form.reset();
    fill(said);
    done(data);
  }) }, wishes.fields, h("div", { class: "inputs" }, words.fields), said, h("p", { class: "actions" }, h("button", { type: "submit", class: "main" }, "Make it")));
  return form;
}

/** What is different from `key` is changed; another revision than the one that was shown is a conflict, which is said. */
export function changeForm(key, signal, done) {
  const wishes = wishesOf("key", key), words = forAudit("change"), said = h("div", { role: "status" });
  return h("form", { onsubmit: sending(said, signal, async () => {
    const wanted = Object.entries(wishes.values()).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(wishes.before[name]));
    if (!wanted.length) {
      fill(said, h("p", { class: "note" }, "Nothing is different."));
      return;
    }
    const body = { revision: key.revision, ...Object.fromEntries(wanted), ...words.values() };
    done((await ask("PATCH", `/keys/${key.key_id}`, { body, admin: true, signal })).data);
  }) }, wishes.fields, h("div", { class: "inputs" }, words.fields), said, h("p", { class: "actions" }, h("button", { type: "submit", class: "main" }, "Put it in force")));
}

/** Controls with what `key` has; `values()` as the API takes them, `before` what they were. */
function wishesOf(id, key) {
  const name = text(`${id}-name`, key.name, { required: true, maxlength: 100 });
  const rights = RIGHTS.map(([value, label]) => [h("input", { id: `${id}-${value}`, type: "checkbox", value, checked: (key.rights ?? ["predict"]).includes(value) }), label]);
  const limits = text(`${id}-limits`, key.limits ?? "", { maxlength: 200, placeholder: "600/60s,100000/d" });
  const models = text(`${id}-models`, modelsInWords(key.models), { maxlength: 8000, placeholder: "predict: churn, sentiment; read: churn" });
  const places = h("input", { id: `${id}-places`, type: "number", min: 1, max: 1_000_000, step: 1, value: key.max_in_flight ?? "" });
  const expires = h("input", { id: `${id}-expires`, type: "datetime-local", step: 1, value: key.expires_at ? localTime(key.expires_at) : "" });
  const note = text(`${id}-note`, key.note ?? "", { maxlength: 500 });
  const values = () => ({
    name: name.value.trim(), rights: rights.filter(([box]) => box.checked).map(([box]) => box.value).sort(), limits: limits.value.trim() || null,
    models: modelsOf(models.value), max_in_flight: places.value ? Number(places.value) : null,
    expires_at: expires.value ? new Date(expires.value).toISOString() : null, note: note.value,
  });
  return { values, before: values(), fields: [
    h("div", { class: "inputs" }, field("Name", name), field("Limits; empty: those of its address", limits), field("Most requests at a time; empty: no bound", places), field("Models of a right; empty: all", models),
      field(`Expires (${zone}); empty: never`, expires), field("Note", note)),
    h("fieldset", {}, h("legend", {}, "What it is for"), h("div", { class: "actions" }, rights.map(([box, label]) => h("span", {}, box, " ", h("label", { for: box.id }, label))))),
  ] };
}

function modelsInWords(models) {
  return Object.entries(models ?? {}).map(([right, names]) => `${right}: ${names.join(", ")}`).join("; ");
}

/** `predict: churn, sentiment; read: churn` by right; null of nothing. */
function modelsOf(words) {
  const parts = words.split(";").filter((part) => part.trim()).map((part) => part.split(":"));
  return parts.length ? Object.fromEntries(parts.map(([right, names = ""]) => [right.trim(), names.split(",").map((name) => name.trim())])) : null;
}

/** A moment as the control has it: in the reader's zone, without saying so. */
function localTime(iso) {
  const moment = new Date(iso);
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
