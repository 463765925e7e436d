// How a candidate does beside the stable version: what guards have seen of it, and the report once somebody wants it.

import { get } from "../lib/api.js";
import { comparison } from "../lib/comparison.js";
import { h } from "../lib/dom.js";
import { count, milliseconds, percent, short, words } from "../lib/format.js";
import { badge, nothing, table, time, whenOpened } from "../lib/parts.js";
import { href } from "../lib/router.js";
import { confusionMatrix } from "./drift_quality.js";

const SHOWN_CHARACTERS = 200;
const FORMS = { p95: milliseconds, error_rate: percent, accuracy: percent };
const ENDS = { rolled_back: "was rolled back", promoted: "was promoted", changed: "was ended by another policy" };

/** What the guards of a canary that is on have seen, or how the last one ended. `reading`: of `GET /metrics/rollouts`; undefined: there was none. */
export function guards(reading) {
  if (!reading) return null;
  if (reading.state !== "on") {
    return h("p", { class: "note" }, `The last canary, ${reading.candidate_version} beside ${reading.stable_version}, ${ENDS[reading.state] ?? reading.state}`,
      reading.ended_at && [" ", time(reading.ended_at)], reading.ended_by && ` by ${reading.ended_by}`, reading.reason && `: ${reading.reason}`, ".");
  }
  const form = (one) => FORMS[one.guard] ?? short;
  return [
    h("h3", { class: "apart" }, "Guards"),
    reading.guards.length ? table(`Guards of ${reading.model_name}`, ["Guard", "Stable", "Candidate", "Over", "Against it", "State"], reading.guards.map((one) => [
      words(one.guard), form(one)(one.stable), form(one)(one.candidate), `${count(one.stable_number)} and ${count(one.candidate_number)}`,
      `${short(one.e_value)} of ${short(one.rolls_back_at)}`,
      one.e_value >= one.rolls_back_at ? badge("critical", "rolls back") : one.in_doubt ? badge("warning", "in doubt") : badge("ok", "nothing against it"),
    ])) : nothing("They have not looked yet."),
    h("p", { class: "note" }, "Looked last ", time(reading.looked_at), ". A guard rolls back when what speaks against the candidate reaches its bound."),
  ];
}

/** The report on the candidate, asked for when it is opened. */
export function report(path, policy, signal) {
  return whenOpened("How the candidate does", signal, async () => {
    const { data } = await get(`${path}/report`, { admin: true, signal });
    return [data.shadow && shadow(data.shadow, data), data.canary && [h("h3", { class: "apart" }, "As a canary"), comparison(data.canary, data.candidate_version, data.stable_version)],
      !data.shadow && !data.canary && nothing("There is nothing to report yet.")];
  });
}

function shadow(data, { stable_version: stable, candidate_version: candidate }) {
  if (!data.requests) return nothing("In the shadow the candidate was given nothing yet.");
  const pair = (name, one, form) => one && [name, form(one.stable), form(one.candidate), estimate(one.difference, form)];
  const pairs = [pair("Confidence", data.confidence, short), pair("Model took", data.inference_time_ms, milliseconds)].filter(Boolean);
  return [
    h("h3", { class: "apart" }, "In the shadow"),
    h("p", {}, data.agreement && [h("strong", { class: "large" }, percent(data.agreement.value)), ` the same${between(data.agreement, percent)}, `], `of ${count(data.requests)} requests`,
      data.since && [" since ", time(data.since)], ". ", data.errors && `${percent(data.errors.value)} of them it could not compute${between(data.errors, percent)}.`),
    data.distance && h("p", {}, `Distance: ${short(data.distance.average.value)} on average${between(data.distance.average, short)}, median ${short(data.distance.p50)}, 95 of 100 below ${short(data.distance.p95)}, at most ${short(data.distance.largest)}.`),
    pairs.length > 0 && table("Both over the same requests", ["Figure", stable, candidate, "Difference"], pairs),
    data.confusion.length > 0 && [h("h3", { class: "apart" }, "What became of which label"),
      confusionMatrix(data.confusion.map((one) => ({ predicted: one.stable ?? "none", actual: one.candidate ?? "none", count: one.predictions })), { corner: `${stable} ↓ ${candidate} →` })],
    data.drift.length > 0 && h("p", {}, data.drift.map((one) => [words(one.input ?? one.name), " ", badge(one.status), " "])),
    data.disagreements.length > 0 && [h("h3", { class: "apart" }, "Furthest apart"), table("Largest disagreements", ["Prediction", stable, candidate, "Distance", "Of what"], data.disagreements.map((one) => [
      h("a", { href: href("record", { id: one.prediction_id }) }, time(one.timestamp)), said(one.stable_label, one.stable_value, one.stable_confidence), said(one.candidate_label, one.candidate_value, one.candidate_confidence),
      short(one.distance), beginning(one.text ?? (one.inputs ? JSON.stringify(one.inputs) : "not stored")),
    ]))],
  ];
}

function said(label, value, confidence) {
  return [label ?? (value === null ? "–" : short(value)), confidence === null ? null : h("span", { class: "note" }, ` ${percent(confidence)}`)];
}

function beginning(text) {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)} …` : text;
}

function between({ low, high }, form) {
  return low === null ? "" : ` (${form(low)} to ${form(high)})`;
}

function estimate(one, form) {
  const signed = (value) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${form(Math.abs(value))}`;
  return one.low === null ? signed(one.value) : `${signed(one.value)} (${signed(one.low)} to ${signed(one.high)})`;
}
