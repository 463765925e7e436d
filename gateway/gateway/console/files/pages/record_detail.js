// One prediction, with all that is on record of it.

import { ask, get } from "../lib/api.js";
import { confirmed } from "../lib/confirm.js";
import { fill, h } from "../lib/dom.js";
import { milliseconds, percent } from "../lib/format.js";
import { card, nothing, problem, time } from "../lib/parts.js";
import { askUntilItIsThere } from "../lib/poll.js";
import { href } from "../lib/router.js";
import { erasedInWords } from "./record_export.js";
import { giveFeedback, labelsOf, saidOf, valueForm } from "./record_feedback.js";

export function detail({ id, ...others }, signal) {
  const place = h("div", {}, nothing("Loading …"));
  const load = async () => {
    const { data } = await get(`/predictions/${encodeURIComponent(id)}`, { admin: true, signal });
    const labels = await labelsOf(signal)(data).catch((error) => problem(error)); // the record is there without the model
    fill(place, facts(data), feedback(data, labels, signal, load), erase(data, signal, place));
  };
  askUntilItIsThere(signal, load, (error) => fill(place, problem(error)));
  return [h("p", { class: "controls" }, h("a", { href: href("record", others) }, "Back to the list")), card("Prediction", place)];
}

function erase({ prediction_id: id }, signal, place) {
  const askFirst = async () => {
    const done = await confirmed("Erase this prediction?", "With its feedback and all else that is kept of it. This cannot be taken back; aggregates stay, and that you did it is on the audit.",
      "Erase", async () => (await ask("DELETE", `/predictions/${encodeURIComponent(id)}`, { admin: true, signal })).data);
    if (done) fill(place, h("p", { role: "status" }, erasedInWords(done)));
  };
  return h("p", { class: "actions" }, h("button", { type: "button", onclick: askFirst }, "Erase it …"));
}

function facts(one) {
  const rows = [
    ["Id", h("code", { class: "digest" }, one.prediction_id)], ["Time", time(one.timestamp)], ["Model", `${one.model_name} ${one.model_version}`], ["Task", one.task_type],
    ["Label", one.prediction_label ?? one.labels?.join(", ")], ["Confidence", one.confidence === null ? null : percent(one.confidence, 2)],
    ["Value", one.prediction_value], ["Model took", milliseconds(one.inference_time_ms)],
    ["Input length", `${one.input_length} characters`], ["Text", one.text], ["Inputs", one.inputs && h("pre", { tabindex: 0, "aria-label": "Inputs" }, JSON.stringify(one.inputs, null, 2))],
    ["Caller", one.caller && h("a", { href: href("record", { caller: one.caller }) }, h("code", { class: "digest" }, one.caller))],
    ["Key", one.key_id && h("a", { href: href("record", { key_id: one.key_id }) }, h("code", { class: "digest" }, one.key_id))],
    ["Measured", Object.entries(one.metrics_data).map(([name, value]) => `${name} ${value}`).join(", ")],
  ];
  return h("dl", { class: "facts" }, rows.filter(([, value]) => value || value === 0).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

function feedback(one, labels, signal, load) {
  const said = h("div", { role: "status" });
  const known = one.feedback ? [h("strong", {}, saidOf(one.feedback)), ", said ", time(one.feedback.given_at), one.feedback.is_trusted ? ", with the admin token." : ", by a caller."] : "Nobody has said yet.";
  const give = async (word) => (await giveFeedback(one, word, said, signal)) && load().catch((error) => signal.aborted || fill(said, problem(error)));
  return [h("h3", { class: "apart" }, "What it should have been"), h("p", {}, known),
    labels instanceof Node ? labels : h("div", { class: "actions" }, labels.map((label) => h("button", { type: "button", class: "quiet", onclick: () => give({ label }) }, label))),
    one.task_type === "regression" && valueForm((value) => give({ value })), said];
}
