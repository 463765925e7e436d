// Two distributions beside each other: the reference and now, bin by bin.

import { h } from "./dom.js";
import { percent } from "./format.js";

const SHOWN_BINS = 24;

/** Bars of both shares of each bin; of many bins those that changed most. `reference`, `current`: share by bin. */
export function distribution(reference, current) {
  const names = [...new Set([...Object.keys(reference), ...Object.keys(current)])];
  const bins = names.map((name) => ({ name, before: reference[name] ?? 0, now: current[name] ?? 0 }));
  const change = (bin) => Math.abs(bin.now - bin.before);
  const shown = bins.length <= SHOWN_BINS ? bins : [...bins].sort((one, other) => change(other) - change(one)).slice(0, SHOWN_BINS);
  const largest = Math.max(...bins.flatMap((bin) => [bin.before, bin.now]), 1e-9);
  return [
    h("p", { class: "legend" }, swatch("before"), "before ", swatch("now"), "now",
      bins.length > shown.length && ` · the ${shown.length} of ${bins.length} that changed most`),
    h("ul", { class: "bins" }, shown.map((bin) => h("li", {}, h("span", { class: "bar-label" }, bin.name),
      h("span", { class: "pair", "aria-hidden": "true" }, bar("before", bin.before / largest), bar("now", bin.now / largest)),
      h("span", { class: "bar-value" }, h("span", { class: "before-value" }, h("span", { class: "heard" }, "before "), percent(bin.before)),
        h("span", {}, h("span", { class: "heard" }, ", now "), percent(bin.now)))))),
  ];
}

function bar(kind, share) {
  const node = h("span", { class: `pair-${kind}` });
  node.style.width = `${share * 100}%`;
  return node;
}

function swatch(kind) {
  return h("i", { class: `swatch pair-${kind}`, "aria-hidden": "true" });
}
