// Lines over time: axes with units, a legend that shows the values under the pointer or the latest ones, arrow keys, and
// the same numbers as a table.

import { fill, h, say } from "./dom.js";
import { moment } from "./format.js";
import { colour, whenThemeChanges } from "./theme.js";

const HEIGHT = 196;
const FONT = "12px system-ui, sans-serif";
const minute = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const date = new Intl.DateTimeFormat("en-GB", { month: "short", day: "numeric" });
const TWO_DAYS = 2 * 86_400;
const WHOLE_STEPS = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

/**
 * A chart in a figure. Of `series` each has `label` and `colour` (a custom property), maybe `dash`; `format` makes text
 * of a value; `stacked`: areas upon each other; `range`: fixed ends of the value axis; `whole`: values are whole numbers; `marks`: () → [{value, label}],
 * lines across, where they are in sight. `show(times, columns)`: seconds since 1970, and per series a value or null.
 */
export function timeChart(signal, { title, note, format, stacked = false, range = null, whole = false, marks = () => [] }) {
  const legend = h("ul", { class: "legend" });
  const when = h("span", { class: "when" });
  const area = h("div", { class: "plot", tabindex: 0, role: "img", "aria-label": title });
  const table = h("details", { class: "numbers" }, h("summary", {}, "Numbers"));
  const element = h("figure", { class: "card chart" },
    h("figcaption", {}, h("h2", {}, title), note && h("span", { class: "note" }, note), when), legend, area, table);
  let plot = null, series = [], times = [], columns = [];

  function build() {
    plot?.destroy();
    plot = new uPlot(options(), drawn(), area);
  }

  function drawn() {
    if (!stacked) return [times, ...columns];
    const below = times.map(() => 0);
    const heaps = columns.map((column) => column.map((value, at) => (value === null ? null : (below[at] += value))));
    return [times, ...heaps.reverse()];
  }

  function options() {
    const axis = { stroke: colour("--muted"), font: FONT, grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false } };
    return {
      width: Math.max(area.clientWidth, 120), height: HEIGHT, legend: { show: false },
      cursor: { sync: { key: "console" }, y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { x: { time: true }, y: { range: range ?? ((_, low, high) => [Math.min(0, low ?? 0), (high || 1) * 1.08]) } },
      axes: [
        { ...axis, space: 64, size: 28, values: (u, splits) => splits.map((at) => axisTime(at, u.scales.x.max - u.scales.x.min)) },
        { ...axis, ...(whole && { incrs: WHOLE_STEPS }), size: (u, values) => 14 + 7 * Math.max(3, ...(values ?? [""]).map((value) => value.length)),
          values: (_, splits) => splits.map((value) => format(value)) },
      ],
      series: [{}, ...(stacked ? [...series].reverse() : series).map(line)],
      hooks: { setCursor: [readLegend], draw: [drawMarks] },
    };
  }

  function line({ colour: name, dash }) {
    const stroke = colour(name);
    return { stroke, width: stacked ? 1 : 2, dash, fill: stacked ? colour(name, 72) : series.length === 1 ? colour(name, 14) : undefined,
      points: { show: true, size: 5, fill: stroke, filter: (u, index) => alone(u.data[index]) }, spanGaps: false };
  }

  function drawMarks(u) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.font = FONT.replace("12px", `${12 * devicePixelRatio}px`);
    ctx.textBaseline = "bottom";
    ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    for (const { value, label } of marks()) {
      if (value < u.scales.y.min || value > u.scales.y.max) continue;
      const at = u.valToPos(value, "y", true);
      ctx.strokeStyle = ctx.fillStyle = colour("--muted");
      ctx.beginPath();
      ctx.moveTo(bbox.left, at);
      ctx.lineTo(bbox.left + bbox.width, at);
      ctx.stroke();
      ctx.textAlign = "right";
      ctx.fillText(label, bbox.left + bbox.width - 4, at - 4 * devicePixelRatio);
    }
    ctx.restore();
  }

  function readLegend() {
    const pointed = plot?.cursor.idx;
    const at = pointed ?? Math.max(times.findLastIndex((_, row) => columns.some((column) => column[row] !== null)), 0);
    say(when, times.length ? `${pointed === null || pointed === undefined ? "latest, " : ""}${moment(times[at], "time")}` : "");
    legend.querySelectorAll("b").forEach((value, index) => say(value, format(columns[index]?.[at] ?? null)));
  }

  function labelled() {
    fill(legend, series.map((one) => {
      const swatch = h("i", { class: "swatch", "aria-hidden": "true" });
      swatch.style.setProperty("--swatch", `var(${one.colour})`);
      return h("li", {}, swatch, one.label, " ", h("b", {}));
    }));
  }

  function tabulate() {
    if (!table.open) return;
    const head = h("tr", {}, h("th", { scope: "col" }, "Time"), series.map((one) => h("th", { scope: "col" }, one.label)));
    const rows = times.map((at, row) => h("tr", {}, h("th", { scope: "row" }, moment(at)),
      columns.map((column) => h("td", {}, format(column[row])))));
    fill(table, h("summary", {}, "Numbers"), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `${title}, numbers` },
      h("table", {}, h("thead", {}, head), h("tbody", {}, rows.reverse()))));
  }

  area.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !plot || !times.length) return;
    event.preventDefault();
    const at = Math.min(Math.max((plot.cursor.idx ?? times.length) + step, 0), times.length - 1);
    plot.setCursor({ left: plot.valToPos(times[at], "x"), top: HEIGHT / 2 });
  });
  table.addEventListener("toggle", tabulate);
  const resized = new ResizeObserver(() => plot?.setSize({ width: Math.max(area.clientWidth, 120), height: HEIGHT }));
  resized.observe(area);
  whenThemeChanges(() => plot && build(), signal);
  signal.addEventListener("abort", () => { resized.disconnect(); plot?.destroy(); plot = null; }, { once: true });

  return {
    element,
    show(newTimes, newSeries, newColumns) {
      const changed = JSON.stringify(newSeries) !== JSON.stringify(series);
      [times, series, columns] = [newTimes, newSeries, newColumns];
      if (changed) labelled();
      if (!plot || changed) build();
      else plot.setData(drawn());
      readLegend();
      tabulate();
      area.setAttribute("aria-label", spoken(title, series, columns, format));
    },
  };
}

/** Where a line has one value between gaps, which is no line yet: a point. */
function alone(column) {
  return column.flatMap((value, at) => (value !== null && (column[at - 1] ?? null) === null && (column[at + 1] ?? null) === null ? [at] : []));
}

function axisTime(at, span) {
  return (span > TWO_DAYS ? date : minute).format(new Date(at * 1000));
}

/** What somebody hears who does not see the picture. */
function spoken(title, series, columns, format) {
  const latest = series.map((one, index) => `${one.label} ${format(columns[index].at(-1) ?? null)}`);
  return `${title}. Latest: ${latest.join(", ") || "nothing"}. Arrow keys move through it; the numbers are below.`;
}
