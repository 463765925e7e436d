// Analysis: a report on a window, by Gemini or by rules; what it rests on, what it cost, how old it is.

import { ask, get, post } from "../lib/api.js";
import { fill, fillWhenChanged, h } from "../lib/dom.js";
import { count, duration, milliseconds, percent, short, words } from "../lib/format.js";
import { modelChoice } from "../lib/model_choice.js";
import { badge, card, choices, nothing, problem, table, time } from "../lib/parts.js";
import { keepAsking } from "../lib/poll.js";
import { href } from "../lib/router.js";
import { askForToken, withToken } from "../lib/token_dialog.js";
import { hasToken, whenTokenChanges } from "../lib/token.js";

const WINDOWS = [[15, "15 min"], [60, "1 h"], [360, "6 h"], [1440, "24 h"]];
const SECONDS = 15;
const PATIENCE_SECONDS = 45;
const CACHE = { HIT: "from the cache", STALE: "from the cache, being renewed", MISS: "made just now" };

/** The report before this one, to compare with: of this tab. */
let previous = null;

export function render(params, signal) {
  const minutes = WINDOWS.some(([one]) => String(one) === params.window) ? Number(params.window) : 60;
  const place = h("div", { "aria-live": "polite" }, nothing("A report explains the numbers of a window. Asking counts for the limit of this address."));
  const button = h("button", { type: "button", class: "main" }, "Ask for a report");
  const request = async () => {
    button.disabled = true;
    fill(place, nothing("Waiting for the report: it may take some seconds when Gemini writes it."));
    try {
      const query = { time_window_minutes: minutes, model_name: params.model ?? null };
      const { data, headers } = await post("/analyze/performance", query, { signal, timeoutSeconds: PATIENCE_SECONDS });
      fill(place, report(data, headers.get("X-Cache"), Number(headers.get("Age"))), previous && previous.generated_at !== data.generated_at && compared(previous, data));
      previous = data;
    } catch (error) {
      if (!signal.aborted) fill(place, problem(error));
    } finally {
      button.disabled = false;
    }
  };
  button.addEventListener("click", request);
  return [
    h("div", { class: "controls" }, choices("Window", WINDOWS, minutes, (window) => href("analysis", { ...params, window })), modelChoice(signal, params, "analysis"), button),
    h("section", { class: "card" }, h("h2", {}, "Report"), place),
    operators(signal),
  ];
}

function report(data, cache, age) {
  const source = data.source === "gemini" ? "Written by Gemini" : `Written by rules${data.fallback_reason ? ` (${words(data.fallback_reason).toLowerCase()})` : ""}`;
  return [
    h("p", { class: "lead" }, data.summary),
    h("p", { class: "note" }, `${source}, ${CACHE[cache] ?? ""}${age ? `, ${duration(age)} old` : ""}, `, time(data.generated_at),
      `; sure of itself to ${percent(data.confidence_score, 0)}; over ${count(data.metrics_analyzed.total_predictions)} predictions.`),
    h("h3", { class: "apart" }, "Issues"),
    data.identified_issues.length ? h("ul", { class: "rows" }, data.identified_issues.map((issue) => h("li", {}, badge(issue.severity), " ", h("strong", {}, words(issue.issue_type)), " ", issue.description))) : nothing("None was found."),
    h("h3", { class: "apart" }, "What to do"),
    data.recommendations.length ? h("ol", { class: "steps" }, data.recommendations.map((one) => h("li", {}, one))) : nothing("Nothing."),
    data.root_cause_hypothesis && [h("h3", { class: "apart" }, "A possible cause"), h("p", {}, data.root_cause_hypothesis)],
  ];
}

/** What has come and gone since the report before. */
function compared(before, now) {
  const kinds = (one) => new Set(one.identified_issues.map((issue) => issue.issue_type));
  const [old, current] = [kinds(before), kinds(now)];
  const named = (set, other) => [...set].filter((kind) => !other.has(kind)).map((kind) => words(kind).toLowerCase()).join(", ") || "none";
  const numbers = [["Predictions", "total_predictions", count], ["Average confidence", "average_confidence", short], ["p95", "p95_inference_time_ms", milliseconds]];
  return [h("h3", { class: "apart" }, "Since the report before"), h("p", { class: "note" }, "That was of ", time(before.generated_at), "."),
    table("Compared with the report before", ["", "Before", "Now"], [
      ...numbers.map(([label, field, format]) => [label, format(before.metrics_analyzed[field]), format(now.metrics_analyzed[field])]),
      ["Issues that are gone", named(old, current), ""], ["Issues that are new", "", named(current, old)],
    ])];
}

/** Quota, costs and cached reports, for whoever has the admin token. */
function operators(signal) {
  const place = h("div", {}, nothing("Loading …"));
  const again = keepAsking(signal, SECONDS, async () => {
    if (!hasToken()) {
      fillWhenChanged(place, "no token", () => card("Quota, costs and cache", nothing("Shown with the admin token."), h("p", {}, h("button", { type: "button", onclick: askForToken }, "Give the admin token"))));
      return;
    }
    const [{ data: quota }, { data: cache }] = await Promise.all([get("/analyze/quota", { admin: true, signal }), get("/analyze/cache", { admin: true, params: { limit: 20 }, signal })]);
    fillWhenChanged(place, [quota, cache.reports.map((one) => [one.key, one.source, one.fresh, one.summary])], () => h("div", { class: "grid" }, quotaCard(quota), cacheCard(cache.reports, () => again(), signal)));
  }, (error) => fillWhenChanged(place, error.message, () => problem(error)));
  whenTokenChanges(again, signal);
  return place;
}

function quotaCard({ quota, circuit, prices, days }) {
  return card("Quota and costs",
    h("p", {}, `${count(quota.used)} of ${count(quota.limit)} calls used in ${duration(quota.window_seconds)}. Circuit `, badge(circuit), quota.closed_for_seconds > 0 && ` Gemini asks to wait ${duration(quota.closed_for_seconds)}.`),
    h("p", { class: "note" }, `US$ ${short(prices.input)} and ${short(prices.output)} per million tokens in and out (${prices.source}).`),
    table("Ledger", ["Day (UTC)", "Calls", "Tokens in", "Tokens out", "US$", "On average"], days.map((day) => [day.day, count(day.calls), count(day.prompt_tokens), count(day.answer_tokens + day.thought_tokens), short(day.cost_usd), milliseconds(day.average_latency_ms)])));
}

function cacheCard(reports, again, signal) {
  const said = h("div", {});
  const empty = () => withToken(() => ask("DELETE", "/analyze/cache", { admin: true, signal })).then(again, (error) => fill(said, problem(error)));
  return card("Cached reports",
    reports.length ? table("Cached reports", ["About", "Source", "State", "Summary"], reports.map((one) => [`${one.query.model_name ?? "all models"}, ${count(one.query.time_window_minutes)} min`, words(one.source), one.fresh ? "fresh" : "stale", one.summary])) : nothing("None."),
    h("p", { class: "actions" }, h("button", { type: "button", onclick: empty, disabled: !reports.length }, "Empty the cache")), said);
}
