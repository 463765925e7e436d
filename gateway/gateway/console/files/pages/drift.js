// Drift and quality: whether what comes in and out is distributed as before, and how often predictions were right.

import { get, post } from "../lib/api.js";
import { distribution } from "../lib/distribution.js";
import { fill, fillWhenChanged, h } from "../lib/dom.js";
import { count, counted, percent, short, words } from "../lib/format.js";
import { modelChoice } from "../lib/model_choice.js";
import { badge, card, choices, freshness, nothing, problem, time } from "../lib/parts.js";
import { askUntilItIsThere, keepAsking } from "../lib/poll.js";
import { href } from "../lib/router.js";
import { qualityByFeedback } from "./drift_quality.js";

const SECONDS = 30;
const WINDOWS = [[60, "1 h"], [360, "6 h"], [1440, "24 h"], [10_080, "7 d"]];
const DAY_MINUTES = 1440;
const VERDICTS = {
  stable: "Nothing has changed that matters.",
  slight: "A certain change, but a small one.",
  moderate: "A certain change of some size: look at what has changed.",
  significant: "A certain and large change.",
  not_enough_data: "Too few predictions to tell.",
};

export function render(params, signal) {
  const minutes = WINDOWS.some(([one]) => String(one) === params.window) ? Number(params.window) : WINDOWS[0][0];
  const fresh = freshness();
  const drift = h("div", {}, nothing("Loading …"));
  const quality = h("div", {}, nothing("Loading …"));
  const query = { model_name: params.model ?? null, time_window_minutes: minutes };
  keepAsking(signal, SECONDS, async () => {
    const { data } = await post("/metrics/drift", { ...query, baseline: params.baseline ?? null }, { signal });
    fillWhenChanged(drift, withoutTimes(data), () => report(data));
    fresh.fresh();
  }, (error) => {
    fresh.failed(error);
    if (error.status && error.status < 500) fill(drift, problem(error));
  });
  const atMostADay = { ...query, time_window_minutes: Math.min(minutes, DAY_MINUTES) };
  keepAsking(signal, SECONDS, async () => {
    const [{ data: judged }, { data: sure }] = await Promise.all(["quality", "calibration"].map((what) => post(`/metrics/${what}`, atMostADay, { signal })));
    fillWhenChanged(quality, [withoutTimes(judged), withoutTimes(sure)], () => qualityByFeedback(judged, sure, atMostADay.time_window_minutes));
  }, (error) => fillWhenChanged(quality, error.message, () => problem(error)));
  return [
    h("div", { class: "controls" },
      choices("Window", WINDOWS, minutes, (window) => href("drift", { ...params, window })),
      modelChoice(signal, { ...params, baseline: undefined }, "drift"), params.model && baselineChoice(signal, params), fresh.element),
    drift,
    card("Quality, by feedback", quality),
  ];
}

/** A window moves with the clock: the same numbers of another moment are no news. */
function withoutTimes(data) {
  return Object.entries(data).filter(([name]) => !/window_(start|end)$/.test(name));
}

/** Links to compare with a pinned baseline instead of the window before. */
function baselineChoice(signal, params) {
  const place = h("div", { class: "field" });
  askUntilItIsThere(signal, async () => {
    const { data } = await get("/metrics/baselines", { params: { model_name: params.model }, signal });
    const options = [["", "the window before"], ...data.baselines.map((one) => [one.name, one.name])];
    if (data.baselines.length) fill(place, h("span", { class: "note" }, "Compared with"), choices("Compared with", options, params.baseline ?? "", (baseline) => href("drift", { ...params, baseline })));
  });
  return place;
}

function report(data) {
  const reference = data.baseline ? `the baseline ${data.baseline}` : ["the window before, ", data.reference_window_start && time(data.reference_window_start), " to ", data.reference_window_end && time(data.reference_window_end)];
  return [
    h("section", { class: "card" }, h("h2", {}, badge(data.status), " ", VERDICTS[data.status]),
      h("p", {}, `${counted(data.sample_size, "prediction")}, `, time(data.time_window_start), " to ", time(data.time_window_end), `, against ${count(data.reference_sample_size)} of `, reference, "."),
      data.not_judged_because && h("p", { class: "note" }, data.not_judged_because),
      h("p", { class: "note" }, versionsInWords(data))),
    data.measures.length ? h("div", { class: "grid" }, data.measures.map(measure)) : nothing("There is nothing to compare yet."),
  ];
}

function versionsInWords({ versions, reference_versions: before }) {
  const listed = (counts) => Object.entries(counts).map(([version, number]) => `${version} (${count(number)})`).join(", ") || "none";
  return `Versions: ${listed(versions)}; before: ${listed(before)}.`;
}

function measure(one) {
  const name = one.input ? ["Input ", h("code", {}, one.input)] : one.label ? ["Labels, most of all ", h("code", {}, one.label)] : words(one.name);
  const certainty = one.certainty === null ? null : one.certainty > 0.9999 ? "more than 99.99 %" : percent(one.certainty, 2);
  return card([name, " ", badge(one.status)],
    h("p", { class: "note" }, one.psi === null ? "One of the sides is empty." : `PSI ${short(one.psi)}, of which chance explains ${short(one.expected_psi)}.`,
      certainty && ` Certain to ${certainty} that something changed.`, one.detectable_psi !== null && ` Less than ${short(one.detectable_psi)} would hardly be found.`),
    shares("Missing", one.missing), shares("Other values", one.other),
    distribution(one.reference, one.current));
}

function shares(name, change) {
  if (!change || (change.reference === null && change.current === null)) return null;
  return h("p", { class: "note" }, `${name}: ${percent(change.reference)} before, ${percent(change.current)} now.`);
}
