// Requests that were refused with 429, by all gateways together.

import { get } from "../lib/api.js";
import { timeChart } from "../lib/chart.js";
import { count, moment } from "../lib/format.js";
import { tile } from "../lib/parts.js";
import { keepAsking } from "../lib/poll.js";

const SECONDS = 10;
const REASONS = [
  ["ingress", { label: "quota used up", colour: "--series-2" }],
  ["in_flight", { label: "too many at once", colour: "--series-5" }],
  ["wrong_tokens", { label: "wrong tokens", colour: "--series-4" }],
];

/** A tile and a chart of a window (minutes, bucket, seconds) that keep themselves up to date. */
export function refusals(signal, window, note) {
  const total = tile("Refused", "Requests that were answered with 429 in this window, whatever the model");
  const chart = timeChart(signal, { title: "Refused requests", note, format: count, whole: true });
  const params = { time_window_minutes: window.minutes, bucket_minutes: window.bucket };
  keepAsking(signal, Math.max(window.seconds, SECONDS), async () => {
    const { data } = await get("/limits/refusals", { params, signal });
    total.set(count(data.total), `since ${moment(data.time_window_start, window.minutes > 1440 ? "date" : "minute")}`);
    const there = REASONS.filter(([reason], at) => at === 0 || data.buckets.some((bucket) => bucket[reason]));
    chart.show(data.buckets.map((bucket) => Date.parse(bucket.start) / 1000), there.map(([, series]) => series),
      there.map(([reason]) => data.buckets.map((bucket) => bucket[reason])));
  }, () => total.set("–", "not known now"));
  return { tile: total.element, chart: chart.element };
}
