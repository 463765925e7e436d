// Alerts and thresholds: what was wrong and since when, who is not to be told, and from where on something counts as wrong.

import { ask, get } from "../lib/api.js";
import { fill, fillWhenChanged, h } from "../lib/dom.js";
import { count, duration, short, words } from "../lib/format.js";
import { modelChoice } from "../lib/model_choice.js";
import { badge, card, choices, freshness, nothing, problem, time } from "../lib/parts.js";
import { keepAsking } from "../lib/poll.js";
import { href } from "../lib/router.js";
import { withToken } from "../lib/token_dialog.js";
import { silenceForm } from "./alerts_silences.js";
import { thresholdsCard } from "./alerts_thresholds.js";

const SECONDS = 10;
const SHOWN = 50;
const STATES = [["all", "All"], ["open", "Open"], ["closed", "Closed"]];

export function render(params, signal) {
  const state = STATES.some(([one]) => one === params.state) ? params.state : "all";
  const fresh = freshness();
  const list = h("div", {}, nothing("Loading …"));
  const silences = h("div", {}, nothing("Loading …"));
  const again = keepAsking(signal, SECONDS, async () => {
    const [{ data: alerts }, { data: silenced }] = await Promise.all([
      get("/metrics/alerts", { params: { state, limit: SHOWN, model_name: params.model }, signal }),
      get("/metrics/silences", { signal }),
    ]);
    fillWhenChanged(list, alerts.alerts, (found) => history(found, state));
    fillWhenChanged(silences, silenced.silences, (found) => silencesNow(found, again));
    fresh.fresh();
  }, fresh.failed);
  return [
    h("div", { class: "controls" }, choices("State", STATES, state, (one) => href("alerts", { ...params, state: one })), modelChoice(signal, params, "alerts"), fresh.element),
    card("Alerts", list),
    h("div", { class: "grid" }, thresholdsCard(params, signal), card("Silences", silences, silenceForm(params, signal, () => again()))),
  ];
}

function history(alerts, state) {
  if (!alerts.length) return nothing(state === "open" ? "No alert is open." : "There was none.");
  return h("ul", { class: "rows alerts" }, alerts.map(one));
}

function one(alert) {
  const lasted = (Date.parse(alert.closed_at) - Date.parse(alert.opened_at)) / 1000;
  const ended = alert.closed_at ? [badge("closed", alert.ending ? words(alert.ending).toLowerCase() : "closed"), " after ", duration(lasted)] : "still open";
  return h("li", {}, h("p", {}, badge(alert.severity), " ", h("strong", {}, alert.model_name), " ", words(alert.signal).toLowerCase(), ": ", evidence(alert)),
    h("p", { class: "note" }, "Since ", time(alert.opened_at), ", ", ended, alert.silenced_until && [", silenced until ", time(alert.silenced_until)]),
    alert.history.length > 1 && h("details", {}, h("summary", {}, `Its ${count(alert.history.length)} steps`),
      h("ol", { class: "rows" }, alert.history.map((step) => h("li", {}, time(step.at), " ", badge(step.severity), " ", evidence(step))))));
}

function evidence({ measured_value: measured, threshold, threshold_value: limit, about }) {
  return [short(measured), ` against ${short(limit)} (${words(threshold).toLowerCase()})`, about && h("span", { class: "note" }, ` ${about}`)];
}

function silencesNow(silences, again) {
  if (!silences.length) return nothing("Nothing is silenced.");
  return h("ul", { class: "rows" }, silences.map((silence) => {
    const said = h("div", {});
    const end = () => withToken(async () => {
      await ask("DELETE", "/metrics/silences", { params: { silence_id: silence.silence_id }, admin: true });
      again();
    }).catch((error) => fill(said, problem(error)));
    return h("li", {}, h("strong", {}, silence.model_name ?? "Every model"), ", ", silence.signal ? words(silence.signal).toLowerCase() : "every signal", ", until ", time(silence.until), " ",
      silence.reason && h("span", { class: "note" }, `(${silence.reason}) `), h("button", { type: "button", class: "quiet", onclick: end }, "End it"), said);
  }));
}
