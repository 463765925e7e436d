// What feedback says: how often predictions were right, which labels are taken for which, and whether confidence is to be believed.

import { calibrationPlot } from "../lib/calibration_plot.js";
import { h } from "../lib/dom.js";
import { count, percent, short } from "../lib/format.js";
import { nothing, table } from "../lib/parts.js";

const SHOWN_LABELS = 12;
const OTHERS = "all others";
const WELL = 0.05;

export function qualityByFeedback(judged, sure, minutes) {
  if (!judged.feedback_count && !judged.errors) return nothing(`Nobody has said yet what predictions of the last ${minutes / 60} h should have been. One click in the playground does, or POST /feedback.`);
  return [judged.errors && errors(judged.errors), judged.accuracy !== null && labelsJudged(judged, sure)];
}

/** How far values were from what they should have been. */
function errors({ judged, mae, rmse, trusted }) {
  const sure = trusted
    ? `By the ${count(trusted.judged)} that were judged with the admin token: ${short(trusted.mae)}, and ${short(trusted.rmse)}.`
    : "Nobody judged with the admin token: it is a hint, no measurement.";
  return h("p", {}, h("strong", { class: "large" }, short(mae)), ` off on average, root mean square ${short(rmse)}, of ${count(judged)} values that were judged. `, sure);
}

function labelsJudged(judged, sure) {
  const whose = judged.is_independent ? "Several callers, or one with the admin token, say so." : "Few callers decide this alone: it is a hint, no measurement.";
  return [
    h("p", {}, h("strong", { class: "large" }, percent(judged.accuracy)), ` right, of ${count(judged.feedback_count)} judged by ${count(judged.callers)} ${judged.callers === 1 ? "caller" : "callers"} (they count for ${short(judged.weight)}). `, whose),
    table("Quality by label", ["Label", "Predicted", "Would have been right", "Precision", "Recall"],
      judged.labels.map((one) => [one.label, count(one.predicted), count(one.actual), percent(one.precision), percent(one.recall)])),
    h("div", { class: "grid apart" },
      h("div", {}, h("h3", {}, "What was predicted, and what would have been right"), confusionMatrix(judged.confusion, { leftOut: judged.confusion_left_out })),
      h("div", {}, h("h3", {}, "Whether confidence says how often it is right"), calibration(sure))),
  ];
}

/** Rows: predicted; columns: would have been right; or what `corner` says. The darker a cell, the larger its part of the row. `cells`: predicted, actual, count. */
export function confusionMatrix(cells, { leftOut = 0, corner = "Predicted ↓ right →" } = {}) {
  const { labels, merged, has } = shownLabels(cells);
  const named = (label) => (labels.includes(label) ? label : OTHERS);
  const counts = new Map();
  for (const { predicted, actual, count: n } of cells) {
    const key = JSON.stringify([named(predicted), named(actual)]);
    counts.set(key, (counts.get(key) ?? 0) + n);
  }
  const names = merged ? [...labels, OTHERS] : labels;
  const at = (predicted, actual) => counts.get(JSON.stringify([predicted, actual])) ?? 0;
  return [
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Confusion matrix" }, h("table", { class: "matrix" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, corner), names.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, names.map((predicted) => {
        const total = names.reduce((sum, actual) => sum + at(predicted, actual), 0);
        return h("tr", {}, h("th", { scope: "row" }, predicted), names.map((actual) => cell(at(predicted, actual), total, predicted === actual && predicted !== OTHERS)));
      })))),
    h("p", { class: "note" }, "The shade of a cell is its part of the row; on the diagonal both agree.",
      merged && ` The ${labels.length} most frequent of ${has} labels stand alone.`, leftOut > 0 && ` ${count(leftOut)} judgements of rare pairs are left out.`),
  ];
}

function shownLabels(cells) {
  const totals = new Map();
  for (const { predicted, actual, count: n } of cells) for (const label of new Set([predicted, actual])) totals.set(label, (totals.get(label) ?? 0) + n);
  const frequent = [...totals].sort((one, other) => other[1] - one[1] || (one[0] < other[0] ? -1 : 1)).map(([label]) => label);
  return { labels: frequent.slice(0, SHOWN_LABELS).sort(), merged: frequent.length > SHOWN_LABELS, has: frequent.length };
}

function cell(n, total, agrees) {
  const node = h("td", { class: agrees ? "agrees" : "differs", title: total ? `${percent(n / total)} of the row` : null }, count(n));
  node.style.setProperty("--share", total ? n / total : 0);
  return node;
}

function calibration(sure) {
  if (!sure.feedback_count) return nothing("None of the judged predictions has a confidence.");
  const judged = sure.bins.filter((bin) => bin.count);
  return [
    h("p", {}, inWords(sure)),
    calibrationPlot(judged),
    h("p", { class: "note" }, "A dot is a tenth of confidence: how sure the model was, how often it was right, and between which bounds the true share lies (95 %). On the line both are the same.",
      !sure.is_complete && ` Of very many judgements the newest ${count(sure.feedback_count)} were looked at.`),
    h("details", { class: "numbers" }, h("summary", {}, "Numbers"), table("Calibration, numbers", ["Confidence", "Judged", "On average", "Right", "Between"],
      judged.map((bin) => [`${percent(bin.low)} to ${percent(bin.high)}`, count(bin.count), percent(bin.average_confidence), percent(bin.accuracy), `${percent(bin.accuracy_low)} and ${percent(bin.accuracy_high)}`]))),
  ];
}

function inWords({ overconfidence, expected_calibration_error: error }) {
  const size = `By ${percent(error)} on average confidence and share of right ones differ.`;
  if (error <= WELL) return `Confidence can be believed. ${size}`;
  return `${overconfidence > WELL / 2 ? "The model is too sure." : overconfidence < -WELL / 2 ? "The model is less sure than it could be." : "Here too sure, there not sure enough."} ${size}`;
}
