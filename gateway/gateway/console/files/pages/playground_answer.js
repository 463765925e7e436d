// What a model said of one row: label or value, scores as bars, how sure, how fast, and a click to say what was right.

import { get, post } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { count, milliseconds, percent, short } from "../lib/format.js";
import { badge, problem } from "../lib/parts.js";
import { authorization } from "../lib/token.js";
import { valueForm } from "./record_feedback.js";

const SHOWN_SCORES = 20;
const SHOWN_NUMBERS = 24;
const BUTTONS = 8;

export function answerCard(prediction, roundTrip, model, signal) {
  const word = h("p", { class: "note" });
  sureness(prediction, word, signal);
  const metric = prediction.metric?.metrics_data ?? {};
  return [
    h("p", { class: "answer" }, headline(prediction)),
    word,
    outcome(prediction.raw_output),
    h("dl", { class: "facts" },
      fact("Model", milliseconds(prediction.inference_time_ms)),
      metric.queue_time_ms !== undefined && fact("Waited", milliseconds(metric.queue_time_ms)),
      fact("From here", milliseconds(roundTrip)),
      fact("Prediction", h("code", { class: "digest" }, prediction.prediction_id))),
    (prediction.prediction_label !== null || prediction.task_type === "regression") && feedback(prediction, model, signal),
  ];
}

function fact(name, value) {
  return [h("dt", {}, name), h("dd", {}, value)];
}

function headline({ prediction_label: label, prediction_value: value, raw_output: raw, task_type: task }) {
  if (label !== null) return label;
  if (value !== null && raw && "value" in raw) return `${short(value)}${raw.unit ? ` ${raw.unit}` : ""}`;
  if (raw && "vector" in raw) return `A vector of ${count(raw.vector.length)} numbers, of length ${short(value)}`;
  return raw && "labels" in raw ? "No label reaches its threshold" : task.replaceAll("_", " ");
}

function outcome(raw) {
  if (!raw) return null;
  if (raw.scores) return bars(raw.scores, raw.labels);
  if (raw.vector) return h("p", {}, h("code", { class: "digest" }, raw.vector.slice(0, SHOWN_NUMBERS).map(short).join(", "), raw.vector.length > SHOWN_NUMBERS ? " …" : ""));
  if (raw.outputs) return h("pre", { tabindex: 0, "aria-label": "Outputs" }, JSON.stringify(raw.outputs, null, 2).slice(0, 20_000));
  return null;
}

/** Probabilities, the largest first; of several labels that may apply at once, those that do are marked. */
function bars(scores, applying) {
  const sorted = Object.entries(scores).sort((one, other) => other[1] - one[1]);
  return h("ul", { class: "bars" }, sorted.slice(0, SHOWN_SCORES).map(([label, score]) => {
    const bar = h("span", { class: "bar-fill", "aria-hidden": "true" });
    bar.style.width = `${Math.max(score, 0) * 100}%`;
    return h("li", {}, h("span", { class: "bar-label" }, label, applying?.includes(label) && [" ", badge("ok", "applies")]),
      h("span", { class: "bar-track" }, bar), h("span", { class: "bar-value" }, percent(score)));
  }), sorted.length > SHOWN_SCORES && h("li", { class: "note" }, `and ${count(sorted.length - SHOWN_SCORES)} more`));
}

/** A word on confidence, by the thresholds in force and by how far the second label is. */
async function sureness({ confidence, model_name: name, raw_output: raw }, place, signal) {
  if (confidence === null) return;
  const second = raw?.scores && !raw.labels ? Object.entries(raw.scores).sort((one, other) => other[1] - one[1])[1] : null;
  const next = second ? ` Next is ${second[0]} with ${percent(second[1])}.` : "";
  fill(place, `${percent(confidence)} sure.${next}`);
  try {
    const { data } = await get("/metrics/thresholds", { params: { model_name: name }, signal });
    const verdict = confidence < data.min_confidence_critical ? `Hardly more than a guess: below the critical threshold of ${short(data.min_confidence_critical)}.`
      : confidence < data.min_confidence_warning ? `Unsure: below the threshold of ${short(data.min_confidence_warning)}.`
      : `Sure enough: above the threshold of ${short(data.min_confidence_warning)}.`;
    fill(place, `${percent(confidence)} sure.${next} ${verdict}`);
  } catch {
    // the number itself stands there already
  }
}

/** One click for the label that would have been right, or the right value. With the admin token, if there is one, its word counts in full. */
function feedback(prediction, model, signal) {
  const said = h("div", { role: "status" });
  const give = async (word) => {
    try {
      await post("/feedback", { prediction_id: prediction.prediction_id, ...word }, { signal, admin: Object.keys(authorization()).length > 0 });
      fill(said, h("p", { class: "note" }, isRight(word, prediction) ? "Recorded: it was right." : `Recorded: it should have been ${word.label ?? word.value}.`));
    } catch (error) {
      if (!signal.aborted) fill(said, problem(error));
    }
  };
  const field = (choice) => h("fieldset", {}, h("legend", {}, "What would have been right?"), choice, said);
  if (prediction.prediction_label === null) return field(valueForm((value) => give({ value })));
  const labels = model.labels.length ? model.labels : [prediction.prediction_label];
  const choice = labels.length <= BUTTONS
    ? labels.map((label) => h("button", { type: "button", class: "quiet", onclick: () => give({ label }) }, label))
    : [h("select", { "aria-label": "What it should have been", onchange: (event) => event.target.value && give({ label: event.target.value }) },
      h("option", { value: "" }, "Choose"), labels.map((label) => h("option", { value: label }, label)))];
  return field(h("div", { class: "actions" }, choice));
}

function isRight({ label, value }, prediction) {
  return label === undefined ? value === prediction.prediction_value : label === prediction.prediction_label;
}
