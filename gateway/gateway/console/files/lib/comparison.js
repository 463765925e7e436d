// Two versions, or two windows, side by side, as `POST /metrics/compare` and reports on canaries say it.

import { h } from "./dom.js";
import { count, milliseconds, percent, short, words } from "./format.js";
import { badge, nothing, table } from "./parts.js";

const VERDICTS = {
  same: "No difference that is certain and matters, though one would have been found.", better: "Better.", worse: "Worse.",
  mixed: "Better in some respects, worse in others.", different: "Different, neither better nor worse by what can be measured.",
  not_enough_data: "Too few predictions to tell.",
};

/** The verdict in words, every number with its interval, and what is distributed otherwise. `current`, `reference`: what the sides are called. */
export function comparison(data, current, reference) {
  return [
    h("p", {}, badge(data.verdict), " ", VERDICTS[data.verdict]),
    data.words.length > 0 && h("ul", { class: "sentences" }, data.words.map((sentence) => h("li", {}, sentence))),
    h("p", { class: "note" }, `${current}: ${count(data.current.metrics.total_predictions)} predictions, ${count(data.current.feedback_count)} judged. ${reference}: ${count(data.reference.metrics.total_predictions)}, ${count(data.reference.feedback_count)} judged.`),
    data.differences.length ? table("Differences", ["Figure", reference, current, "Difference", "Between (95 %)", "Chance?"], data.differences.map(row)) : nothing("There is nothing to compare yet."),
    data.distributions.length > 0 && h("details", {}, h("summary", {}, "Distributions"), table("Distributions compared", ["Property", "Verdict", "PSI"],
      data.distributions.map((one) => [one.input ? h("code", {}, one.input) : words(one.name), badge(one.status), short(one.psi)]))),
  ];
}

function row(one) {
  const form = formOf(one.name);
  return [
    [words(one.name), one.label && [" of ", h("strong", {}, one.label)]], form(one.reference), form(one.current), signed(one.difference, form),
    one.low === null ? "–" : `${signed(one.low, form)} and ${signed(one.high, form)}`,
    one.low === null ? "–" : one.is_certain && one.is_material ? h("strong", {}, "no, and it matters") : one.is_certain ? "no, but it is small" : "maybe",
  ];
}

function formOf(name) {
  if (name.endsWith("_ms")) return milliseconds;
  return name.endsWith("_share") || name === "accuracy" ? percent : short;
}

function signed(value, form) {
  return value === null ? "–" : `${value > 0 ? "+" : value < 0 ? "−" : ""}${form(Math.abs(value))}`;
}
