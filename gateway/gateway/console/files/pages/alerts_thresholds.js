// Thresholds in force, and what new ones would say of the last minutes before they are kept.

import { ask, get, post } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { count, short } from "../lib/format.js";
import { badge, card, field, nothing, problem, time } from "../lib/parts.js";
import { askUntilItIsThere } from "../lib/poll.js";
import { withToken } from "../lib/token_dialog.js";

const FIELDS = [
  ["min_confidence_warning", "Confidence, warning below"], ["min_confidence_critical", "Confidence, critical below"],
  ["max_inference_time_warning_ms", "p95 in ms, warning above"], ["max_inference_time_critical_ms", "p95 in ms, critical above"],
];

/** Of one model, whose values have a unit; each may be left out. */
const VALUE_FIELDS = [
  ["min_value_warning", "Average value, warning below"], ["min_value_critical", "Average value, critical below"],
  ["max_value_warning", "Average value, warning above"], ["max_value_critical", "Average value, critical above"],
  ["max_mae_warning", "Mean absolute error, warning above"], ["max_mae_critical", "Mean absolute error, critical above"],
];

const NO_NUMBERS = "These are not all numbers.";

/** What alerts look at by default (ALERT_WINDOW_MINUTES). */
const WINDOW_MINUTES = 5;

export function thresholdsCard(params, signal) {
  const body = h("div", {}, nothing("Loading …"));
  const load = () => askUntilItIsThere(signal, async () => {
    const { data } = await get("/metrics/thresholds", { params: { model_name: params.model }, signal });
    fill(body, form(data, params, signal, load));
  }, (error) => fill(body, problem(error)));
  load();
  return card(params.model ? ["Thresholds of ", params.model] : "Default thresholds", body);
}

function form(profile, params, signal, load) {
  const inputs = [...FIELDS, ...(params.model ? VALUE_FIELDS : [])].map(([name, label]) => {
    const input = h("input", { id: name, type: "text", inputmode: "decimal", autocomplete: "off", value: profile[name] ?? "" });
    return { name, label, input };
  });
  const preview = h("div", { role: "status", class: "apart" });
  const typed = ({ name, input }) => [name, input.value.trim() === "" ? (VALUE_FIELDS.some(([one]) => one === name) ? null : NaN) : Number(input.value)];
  const changes = () => Object.fromEntries(inputs.map(typed).filter(([name, value]) => value !== (profile[name] ?? null)));
  const wanted = () => ({ ...profile, ...changes() });
  const look = async () => {
    try {
      const { data } = await post("/metrics/aggregated", { time_window_minutes: WINDOW_MINUTES, model_name: params.model ?? null }, { signal });
      // Values of several models have no unit in common.
      fill(preview, wouldFire(wanted(), params.model ? data : { ...data, values: null, errors: null }));
    } catch (error) {
      if (!signal.aborted) fill(preview, problem(error));
    }
  };
  const keep = async (event) => {
    event.preventDefault();
    if (Object.values(changes()).some(Number.isNaN)) {
      fill(preview, nothing(NO_NUMBERS));
      return;
    }
    try {
      if (await withToken(() => ask("PUT", "/metrics/thresholds", { params: { model_name: params.model }, body: changes(), admin: true, signal }))) load();
    } catch (error) {
      if (!signal.aborted) fill(preview, problem(error));
    }
  };
  look();
  return h("form", { onsubmit: keep, onchange: look },
    h("div", { class: "inputs" }, inputs.map(({ label, input }) => field(label, input))),
    preview,
    h("div", { class: "actions" }, h("button", { type: "submit", class: "main" }, "Keep these")),
    h("p", { class: "note" }, profile.model_name === null && params.model ? "These are the default ones; keeping a change gives the model its own. " : null,
      `Version ${count(profile.version)}`, profile.updated_at && [", changed ", time(profile.updated_at)], "."));
}

/** What the status of the last minutes is by these thresholds: by the same rules as the server's. */
function wouldFire(limits, measured) {
  const { total_predictions: total, average_confidence: confidence, p95_inference_time_ms: p95 } = measured;
  if ([...FIELDS, ...VALUE_FIELDS].some(([name]) => Number.isNaN(limits[name] ?? 0))) return nothing(NO_NUMBERS);
  if (!total) return nothing(`Of the last ${WINDOW_MINUTES} minutes there is no prediction to judge.`);
  const sure = confidence === null ? "normal" : confidence < limits.min_confidence_critical ? "critical" : confidence < limits.min_confidence_warning ? "warning" : "normal";
  const fast = p95 > limits.max_inference_time_critical_ms ? "critical" : p95 > limits.max_inference_time_warning_ms ? "warning" : "normal";
  return h("p", {}, `By these, the last ${WINDOW_MINUTES} minutes (${count(total)} predictions): confidence ${short(confidence)} `, badge(sure), ` p95 ${short(p95)} ms `, badge(fast),
    measured.values && [` average value ${short(measured.values.average)} `, badge(beyond(measured.values.average, limits, "value"))],
    measured.errors?.trusted && [` mean absolute error ${short(measured.errors.trusted.mae)} `, badge(beyond(measured.errors.trusted.mae, limits, "mae"))]);
}

/** The verdict on a number that may have limits on both sides. */
function beyond(measured, limits, of) {
  const isBeyond = (severity) => measured < (limits[`min_${of}_${severity}`] ?? -Infinity) || measured > (limits[`max_${of}_${severity}`] ?? Infinity);
  return isBeyond("critical") ? "critical" : isBeyond("warning") ? "warning" : "normal";
}
