// What stands beside the charts of the overview: status, open alerts, health, the last report.

import { get, post } from "../lib/api.js";
import { fill, fillWhenChanged, h } from "../lib/dom.js";
import { count, duration, milliseconds, short, words } from "../lib/format.js";
import { whenHealthIsKnown } from "../lib/health.js";
import { badge, card, nothing, problem, time } from "../lib/parts.js";
import { keepAsking } from "../lib/poll.js";
import { href } from "../lib/router.js";
import { askForToken } from "../lib/token_dialog.js";
import { hasToken, whenTokenChanges } from "../lib/token.js";

const SECONDS = 15;
const DAY_MINUTES = 1440;
const SHOWN_ALERTS = 10;

/** Whether thresholds are met, and `latencies` (tiles by p50, p95, p99): of the window or, where that is longer, of a day. */
export function statusTile(signal, query, window, latencies) {
  const minutes = Math.min(window.minutes, DAY_MINUTES);
  const value = h("dd", { class: "value" }, "…"), note = h("dd", { class: "note" });
  keepAsking(signal, SECONDS, async () => {
    const { data } = await post("/metrics/aggregated", { time_window_minutes: minutes, ...query }, { signal });
    fillWhenChanged(value, data.status, (status) => badge(status));
    fillWhenChanged(note, data.breaches, (breaches) => breachesInWords(breaches, minutes));
    for (const [name, latency] of Object.entries(latencies)) {
      latency.set(milliseconds(data[`${name}_inference_time_ms`]), data.total_predictions ? `in ${duration(minutes * 60)}` : "no predictions");
    }
  }, () => fill(note, "not known now"));
  return { element: h("div", { class: "tile", title: "Measured values against the thresholds" }, h("dt", {}, "Status"), value, note) };
}

function breachesInWords(breaches, minutes) {
  if (!breaches.length) return `thresholds met, ${duration(minutes * 60)}`;
  return breaches.map((one) => `${words(one.threshold)} ${short(one.threshold_value)}: ${short(one.measured_value)}`).join("; ");
}

/** The alerts that are open now. */
export function alertsPanel(signal, params) {
  const body = h("div", {}, nothing("Loading …"));
  keepAsking(signal, SECONDS, async () => {
    const query = { state: "open", limit: SHOWN_ALERTS, model_name: params.model };
    const { data } = await get("/metrics/alerts", { params: query, signal });
    fillWhenChanged(body, data.alerts, openAlerts);
  }, (error) => fillWhenChanged(body, error.message, () => problem(error)));
  return card("Open alerts", body);
}

function openAlerts(alerts) {
  if (!alerts.length) return nothing("None. Every model that is asked is within its thresholds, as far as there are enough predictions to judge.");
  return h("ul", { class: "rows" }, alerts.map((alert) => h("li", {}, badge(alert.severity), " ",
    h("a", { href: href("overview", { model: alert.model_name }) }, alert.model_name), " ", words(alert.signal).toLowerCase(), ": ",
    h("strong", {}, short(alert.measured_value)), ` against ${short(alert.threshold_value)}`,
    alert.about && h("span", { class: "note" }, ` (${alert.about})`),
    h("span", { class: "note" }, " since ", time(alert.opened_at), alert.silenced_until && [", silenced until ", time(alert.silenced_until)]))));
}

/** Every service with its parts. */
export function healthPanel(signal) {
  const body = h("div", {}, nothing("Loading …"));
  whenHealthIsKnown(({ health, error }) => {
    if (error) fill(body, problem(error));
    else fill(body, Object.values(health.services).map(service));
  }, signal);
  return card("Services and stores", body);
}

function service({ service: name, status, version, latency_ms: latency, detail, components }) {
  const parts = Object.entries(components ?? {}).map(([part, one]) => h("li", {}, badge(one.status), " ", h("strong", {}, part), " ",
    one.detail && h("span", { class: "note wrap" }, one.detail), one.latency_ms !== null && h("span", { class: "latency" }, milliseconds(one.latency_ms))));
  return h("div", { class: "service" },
    h("h3", {}, badge(status), " ", name, " ", version !== "unknown" && h("span", { class: "note" }, version),
      latency !== null && h("span", { class: "latency" }, milliseconds(latency))),
    detail && h("p", { class: "note" }, detail), h("ul", { class: "rows" }, parts));
}

/** The newest report of the cache, which only the admin token shows. */
export function reportPanel(signal) {
  const body = h("div", {}, nothing("Loading …"));
  const look = async () => {
    if (!hasToken()) {
      fillWhenChanged(body, "no token", () => [nothing("Cached reports are shown with the admin token."),
        h("p", {}, h("button", { type: "button", onclick: askForToken }, "Give the admin token"))]);
      return;
    }
    const { data } = await get("/analyze/cache", { admin: true, params: { limit: 1 }, signal });
    fillWhenChanged(body, data.reports[0] ?? null, lastReport);
  };
  const again = keepAsking(signal, SECONDS, look, (error) => fillWhenChanged(body, error.message, () => problem(error)));
  whenTokenChanges(again, signal);
  return card("Last report", body);
}

function lastReport(report) {
  if (!report) return h("p", { class: "nothing" }, "None is cached. ", h("a", { href: href("analysis") }, "Ask for one"), ".");
  const about = report.query.model_name ?? "all models";
  return [h("p", {}, report.summary), h("p", { class: "note" }, `${words(report.source)}, ${about}, ${count(report.query.time_window_minutes)} min, `,
    `made ${duration(report.age_seconds)} ago`)];
}
