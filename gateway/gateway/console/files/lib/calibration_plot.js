// How sure a model was beside how often it was right.

import { h } from "./dom.js";
import { percent } from "./format.js";

const SIZE = 260;
const LEFT = 44;
const BELOW = 40;
const RIGHT = 20;
const TICKS = [0, 0.25, 0.5, 0.75, 1];
const SMALLEST_DOT = 3;
const DOT = 6;

const x = (share) => LEFT + share * SIZE;
const y = (share) => 8 + (1 - share) * SIZE;

/** A picture of bins (average_confidence, accuracy and its bounds, count); whoever does not see it hears them. */
export function calibrationPlot(bins) {
  const most = Math.max(...bins.map((bin) => bin.count));
  const spoken = bins.map((bin) => `${percent(bin.average_confidence, 0)} sure, ${percent(bin.accuracy, 0)} right`).join("; ");
  return h("svg", { class: "calibration", viewBox: `0 0 ${LEFT + SIZE + RIGHT} ${8 + SIZE + BELOW}`, role: "img", "aria-label": `Confidence beside share of right predictions: ${spoken}.` },
    TICKS.map((share) => [
      h("line", { class: "tick", x1: x(0), x2: x(1), y1: y(share), y2: y(share) }), h("line", { class: "tick", x1: x(share), x2: x(share), y1: y(0), y2: y(1) }),
      h("text", { x: x(0) - 6, y: y(share) + 4, "text-anchor": "end" }, percent(share, 0)), h("text", { x: x(share), y: y(0) + 16, "text-anchor": "middle" }, percent(share, 0)),
    ]),
    h("text", { x: x(0.5), y: y(0) + 34, "text-anchor": "middle" }, "confidence"),
    h("line", { class: "ideal", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }),
    bins.map((bin) => [
      h("line", { class: "bound", x1: x(bin.average_confidence), x2: x(bin.average_confidence), y1: y(bin.accuracy_low), y2: y(bin.accuracy_high) }),
      h("circle", { cx: x(bin.average_confidence), cy: y(bin.accuracy), r: SMALLEST_DOT + DOT * Math.sqrt(bin.count / most) }),
    ]));
}
