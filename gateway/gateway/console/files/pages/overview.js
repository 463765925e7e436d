// Overview: how much is asked, how fast and how surely it is answered, and whether anything is wrong.

import { get, post } from "../lib/api.js";
import { timeChart } from "../lib/chart.js";
import { h } from "../lib/dom.js";
import { count, milliseconds, moment, percent, perSecond, short } from "../lib/format.js";
import { modelChoice } from "../lib/model_choice.js";
import { choices, freshness, tile } from "../lib/parts.js";
import { askUntilItIsThere, keepAsking } from "../lib/poll.js";
import { href } from "../lib/router.js";
import { columnsOf, LiveRate, totals, WINDOWS } from "../lib/traffic.js";
import { alertsPanel, healthPanel, reportPanel, statusTile } from "./overview_panels.js";
import { refusals } from "./overview_refusals.js";

const LATENCIES = [
  { label: "p50", colour: "--series-1" }, { label: "p95", colour: "--series-2" }, { label: "p99", colour: "--series-4", dash: [4, 3] },
];
const VALUES = [
  { label: "5 %", colour: "--series-6", dash: [4, 3] }, { label: "median", colour: "--series-1" }, { label: "95 %", colour: "--series-6", dash: [4, 3] },
];

export function render(params, signal) {
  const window = WINDOWS.find((one) => String(one.minutes) === params.window) ?? WINDOWS[0];
  const query = { model_name: params.model ?? null };
  const thresholds = { known: null };
  const fresh = freshness();
  const tiles = {
    now: tile("Predictions a second", "Over the last ten seconds"),
    total: tile("Predictions", "Answered and on record in this window"),
    confidence: tile("Average confidence", "Of all predictions of this window that have one"),
  };
  const latencies = {
    p50: tile("Latency p50", "Half of the predictions took no longer in the model"),
    p95: tile("Latency p95", "95 of 100 predictions took no longer in the model"),
    p99: tile("Latency p99", "99 of 100 predictions took no longer in the model"),
  };
  const charts = chartsOf(signal, window, thresholds);
  const live = new LiveRate();
  let shown = null;
  const series = { time_window_minutes: window.minutes, bucket_minutes: window.bucket, ...query };
  keepAsking(signal, window.seconds, async () => {
    const { data, headers } = await post("/metrics/timeseries", series, { signal });
    const now = Date.parse(headers.get("Date")) / 1000 || Date.now() / 1000;
    showTiles(tiles, data, window);
    if (window.seconds <= 2) showRate(tiles.now, live.after(data.buckets, performance.now() / 1000));
    shown = columnsOf(data, now);
    showCharts(charts, shown);
    fresh.fresh();
  }, fresh.failed);
  if (window.seconds > 2) {
    keepAsking(signal, 2, async () => {
      const { data } = await post("/metrics/timeseries", { time_window_minutes: 1, bucket_minutes: 1, ...query }, { signal });
      showRate(tiles.now, live.after(data.buckets, performance.now() / 1000));
    }, () => showRate(tiles.now, null));
  }

  // Behind what the charts are made of: a browser has six connections.
  askUntilItIsThere(signal, async () => {
    thresholds.known = (await get("/metrics/thresholds", { params: query, signal })).data;
    if (shown) showCharts(charts, shown); // with their lines
  });
  const status = statusTile(signal, query, window, latencies);
  const refused = refusals(signal, window, notePer(window));

  return [
    h("div", { class: "controls" },
      choices("Window", WINDOWS.map((one) => [one.minutes, one.name]), window.minutes, (minutes) => href("overview", { ...params, window: minutes })),
      modelChoice(signal, params, "overview"), fresh.element),
    h("dl", { class: "tiles" }, status.element, Object.values({ ...tiles, ...latencies }).map((one) => one.element), refused.tile),
    h("div", { class: "grid" }, Object.values(charts).map((chart) => chart.element), refused.chart,
      h("div", { class: "stack" }, alertsPanel(signal, params), reportPanel(signal)), healthPanel(signal)),
  ];
}

function notePer({ bucket }) {
  return bucket < 60 ? `per ${bucket} min` : `per ${bucket / 60} h`;
}

function chartsOf(signal, window, thresholds) {
  const note = notePer(window);
  const marks = (fields) => () => (thresholds.known ? fields.map(([field, label]) => ({ value: thresholds.known[field], label })) : []);
  return {
    rate: timeChart(signal, { title: "Predictions a second", note, format: short }),
    latency: timeChart(signal, { title: "Latency of the model", note, format: milliseconds,
      marks: marks([["max_inference_time_warning_ms", "p95 warning"], ["max_inference_time_critical_ms", "p95 critical"]]) }),
    mix: timeChart(signal, { title: "Labels", note: `share ${note}`, format: (value) => percent(value, 0), stacked: true, range: [0, 1] }),
    confidence: timeChart(signal, { title: "Average confidence", note, format: short, range: [0, 1],
      marks: marks([["min_confidence_warning", "warning"], ["min_confidence_critical", "critical"]]) }),
    values: timeChart(signal, { title: "Predicted values", note, format: short, range: (_, low, high) => [low ?? 0, high ?? 1] }),
  };
}

function showCharts(charts, columns) {
  charts.rate.show(columns.times, [{ label: "predictions a second", colour: "--series-1" }], [columns.rate]);
  charts.latency.show(columns.times, LATENCIES, columns.latencies);
  charts.confidence.show(columns.times, [{ label: "average confidence", colour: "--series-3" }], [columns.confidence]);
  charts.mix.element.hidden = columns.labels.series.length === 0 && columns.values !== null;
  if (!charts.mix.element.hidden) charts.mix.show(columns.times, columns.labels.series, columns.labels.columns);
  charts.values.element.hidden = columns.values === null;
  if (columns.values) charts.values.show(columns.times, VALUES, columns.values);
}

function showTiles(tiles, { buckets, time_window_start: start }, window) {
  const { predictions, confidence } = totals(buckets);
  const since = `since ${moment(start, window.minutes > 1440 ? "date" : "minute")}`;
  tiles.total.set(count(predictions), since);
  tiles.confidence.set(short(confidence), confidence === null ? "no prediction has one" : since);
}

function showRate(rateTile, rate) {
  rateTile.set(perSecond(rate), rate === null ? "measuring" : "last 10 s");
}
