// What charts show of a window in buckets, as `POST /metrics/timeseries` gives them.

import { seriesColour } from "./theme.js";

/** Windows to look at, in minutes, with the width of their buckets and how often they are asked for. */
export const WINDOWS = [
  { minutes: 15, name: "15 min", bucket: 1, seconds: 2 },
  { minutes: 60, name: "1 h", bucket: 1, seconds: 2 },
  { minutes: 360, name: "6 h", bucket: 5, seconds: 15 },
  { minutes: 1440, name: "24 h", bucket: 15, seconds: 30 },
  { minutes: 10_080, name: "7 d", bucket: 120, seconds: 60 },
  { minutes: 43_200, name: "30 d", bucket: 360, seconds: 60 },
];

const MOST_LABELS = 7;
const RATE_SECONDS = 10;

/**
 * The times and columns of a response; `serverNow`: seconds since 1970 by the server's clock. A bucket that is still
 * filling has the rate of the time as long as a bucket that ends now: what is missing is taken from the one before.
 */
export function columnsOf({ buckets, bucket_minutes: width }, serverNow) {
  const times = buckets.map((bucket) => Date.parse(bucket.start) / 1000);
  const seconds = width * 60;
  return {
    times,
    rate: buckets.map((bucket, at) => {
      const missing = Math.max(times[at] + seconds - serverNow, 0) / seconds;
      return (bucket.total_predictions + missing * (buckets[at - 1]?.total_predictions ?? 0)) / seconds;
    }),
    latencies: ["p50", "p95", "p99"].map((name) => buckets.map((bucket) => bucket[`${name}_inference_time_ms`])),
    confidence: buckets.map((bucket) => bucket.average_confidence),
    labels: labelShares(buckets),
    values: buckets.some((bucket) => bucket.values) ? ["p05", "p50", "p95"].map((name) =>
      buckets.map((bucket) => bucket.values?.[name] ?? null)) : null,
  };
}

/** The share of each label over time: the most frequent ones by name, in an order that stays, the others together. */
function labelShares(buckets) {
  const totals = new Map();
  for (const bucket of buckets) {
    for (const [label, count] of Object.entries(bucket.label_distribution)) totals.set(label, (totals.get(label) ?? 0) + count);
  }
  const frequent = [...totals].sort((one, other) => other[1] - one[1]).slice(0, MOST_LABELS).map(([label]) => label).sort();
  const named = new Set(frequent);
  const series = frequent.map((label, index) => ({ label, colour: seriesColour(index) }));
  if (totals.size > named.size) series.push({ label: `${totals.size - named.size} others`, colour: "--series-other" });
  const columns = series.map(() => []);
  for (const bucket of buckets) {
    const all = Object.values(bucket.label_distribution).reduce((sum, count) => sum + count, 0);
    const known = frequent.map((label) => bucket.label_distribution[label] ?? 0);
    const shares = totals.size > named.size ? [...known, all - known.reduce((sum, count) => sum + count, 0)] : known;
    shares.forEach((count, index) => columns[index].push(all ? count / all : null));
  }
  return { series, columns };
}

/** Predictions and average confidence of a whole window. */
export function totals(buckets) {
  const predictions = buckets.reduce((sum, bucket) => sum + bucket.total_predictions, 0);
  const sure = buckets.filter((bucket) => bucket.average_confidence !== null);
  const weight = sure.reduce((sum, bucket) => sum + bucket.total_predictions, 0);
  const sum = sure.reduce((total, bucket) => total + bucket.average_confidence * bucket.total_predictions, 0);
  return { predictions, confidence: weight ? sum / weight : null };
}

/** Predictions a second over the last seconds, from how the counts of buckets grow between two looks. */
export class LiveRate {
  #counts = new Map();
  #samples = [];
  #sum = 0;

  /** Takes a response that came at `now` (seconds); answers the rate, or null while there is nothing to compare with. */
  after(buckets, now) {
    const grown = buckets.reduce((sum, { start, total_predictions: count }) => sum + count - (this.#counts.get(start) ?? 0), 0);
    if (this.#counts.size) this.#sum += Math.max(grown, 0);
    this.#counts = new Map(buckets.map((bucket) => [bucket.start, bucket.total_predictions]));
    this.#samples.push([now, this.#sum]);
    while (this.#samples.length > 2 && this.#samples[1][0] <= now - RATE_SECONDS) this.#samples.shift();
    const [[then, before]] = this.#samples;
    return now > then ? (this.#sum - before) / (now - then) : null;
  }
}
