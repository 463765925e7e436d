// Two versions of a model over the same time, or one with the time before.

import { get, post } from "../lib/api.js";
import { comparison } from "../lib/comparison.js";
import { fill, h } from "../lib/dom.js";
import { card, choices, nothing, problem } from "../lib/parts.js";
import { askUntilItIsThere } from "../lib/poll.js";
import { go, href } from "../lib/router.js";

const WINDOWS = [[60, "1 h"], [1440, "24 h"], [10_080, "7 d"]];
const BEFORE = "itself, in the time before";

export function compare(params, signal) {
  const { compare: name, version, beside } = params;
  const minutes = WINDOWS.some(([one]) => String(one) === params.window) ? Number(params.window) : 1440;
  const place = h("div", {}, nothing("Loading …")), chosen = h("span", { class: "field" });
  const sides = { model_name: name, model_version: version ?? null, reference_model_version: beside ?? null, time_window_minutes: minutes };
  askUntilItIsThere(signal, async () => {
    const { data } = await post("/metrics/compare", sides, { signal });
    fill(place, comparison(data, version ?? "now", beside ?? "before"));
  }, (error) => fill(place, problem(error)));
  askUntilItIsThere(signal, async () => {
    const versions = await versionsOf(name, signal);
    fill(chosen, picks(params, [...new Set([version, ...versions])].filter(Boolean)));
  });
  return [
    h("div", { class: "controls" }, h("a", { href: href("models") }, "Back to the models"),
      choices("Window", WINDOWS, minutes, (window) => href("models", { ...params, window })), chosen),
    card(`${name} ${version ?? ""} beside ${beside ?? BEFORE}`, place),
  ];
}

/** Those that are served, and those that answered in the last day. */
async function versionsOf(name, signal) {
  const [{ data: models }, { data: traffic }] = await Promise.all([get("/models", { signal }), post("/metrics/aggregated", { time_window_minutes: 1440, model_name: name }, { signal })]);
  return [...models.models.filter((one) => one.name === name).map((one) => one.version), ...traffic.versions.map((one) => one.model_version)];
}

function picks(params, versions) {
  const pick = (id, label, options, value, change) => {
    const select = h("select", { id, onchange: () => go("models", { ...params, ...change(select.value) }) }, options.map(([one, text]) => h("option", { value: one }, text)));
    select.value = value;
    return [h("label", { for: id }, label), select];
  };
  const others = versions.filter((one) => one !== params.version).map((one) => [one, one]);
  return [
    pick("compare-version", "Version", versions.map((one) => [one, one]), params.version ?? versions[0], (version) => ({ version, beside: version === params.beside ? null : params.beside })),
    pick("compare-beside", "beside", [["", BEFORE], ...others], params.beside ?? "", (beside) => ({ beside })),
  ];
}
