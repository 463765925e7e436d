// The part of a rollout's form that says when a canary is rolled back by itself.

import { h } from "../lib/dom.js";
import { field } from "../lib/parts.js";

/** Guards with their numbers, in the API's units. */
const GUARDS = [
  ["error_rate", "Errors", [["tolerance", "More, as a share of 1"]]],
  ["p95", "95th percentile of times", [["times", "How many times as long"], ["more_ms", "More, in ms"]]],
  ["confidence", "Average confidence", [["tolerance", "Lower, of 1"]]],
  ["accuracy", "Share of right ones", [["tolerance", "Lower, of 1"]]],
  ["thresholds", "Critical thresholds", []],
];

/** Fields for `guards` of a policy (null: all defaults), their ids by `id`; `read()`: what they say, Error for what is no number. */
export function guardsForm(guards, id) {
  const number = (name, label, value) => {
    const input = h("input", { id: id(name), type: "text", inputmode: "decimal", autocomplete: "off", placeholder: "default", value: value ?? "" });
    return { label, input, element: field(label, input) };
  };
  const rows = GUARDS.map(([guard, title, numbers]) => {
    const on = h("input", { id: id(guard), type: "checkbox", checked: guards?.[guard]?.enabled ?? true });
    return { guard, title, on, numbers: numbers.map(([name, label]) => [name, number(`${guard}-${name}`, label, guards?.[guard]?.[name])]) };
  });
  const least = number("least", "Requests before it may promote itself", guards?.least_requests);
  return {
    element: h("details", {}, h("summary", {}, "Guards"),
      h("p", { class: "note" }, "What is worse than the stable version by more than this is rolled back. Empty: the default."),
      rows.map((row) => h("fieldset", { class: "inputs" }, h("legend", {}, row.title),
        field("On", row.on), row.numbers.map(([, one]) => one.element))),
      h("div", { class: "inputs" }, least.element)),
    read() {
      const said = Object.fromEntries(rows.map((row) => [row.guard, { enabled: row.on.checked,
        ...Object.fromEntries(row.numbers.flatMap(([name, one]) => written(name, one, row.title))) }]));
      return { ...said, ...Object.fromEntries(written("least_requests", least, "Guards")) };
    },
  };
}

/** A list of the name with its number; empty where nothing is written. */
function written(name, { label, input }, of) {
  const text = input.value.trim(), value = Number(text);
  if (text === "") return [];
  if (!Number.isFinite(value)) throw new Error(`${of}: ${label}: ${text} is not a number.`);
  return [[name, value]];
}
