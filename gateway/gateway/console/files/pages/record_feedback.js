// What a prediction should have been, said with the admin token.

import { get, post } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { short } from "../lib/format.js";
import { problem } from "../lib/parts.js";

/** A function: the labels of a prediction's model, where that version is served now. Models are asked for when first needed. */
export function labelsOf(signal) {
  let models = null;
  return async ({ model_name: name, model_version: version }) => {
    models ??= get("/models", { signal }).then(({ data }) => data.models);
    try {
      return (await models).find((model) => model.name === name && model.version === version)?.labels ?? [];
    } catch (error) {
      models = null;
      throw error;
    }
  };
}

/** What somebody said: a label, a set of labels, or a value. */
export function saidOf({ actual_label: label, actual_labels: labels, actual_value: value }) {
  return label ?? (labels ? labels.join(", ") || "none" : short(value));
}

/** A field for the value that would have been right. */
export function valueForm(give) {
  const input = h("input", { type: "number", step: "any", required: true, "aria-label": "The right value" });
  const submit = (event) => {
    event.preventDefault();
    give(Number(input.value));
  };
  return h("form", { class: "actions", onsubmit: submit }, input, h("button", { type: "submit", class: "quiet" }, "Say so"));
}

/** Says it (`{label}` or `{value}`), and in `said` how that went; answers whether it is on record. */
export async function giveFeedback(prediction, word, said, signal) {
  try {
    await post("/feedback", { prediction_id: prediction.prediction_id, ...word }, { admin: true, signal });
    fill(said, h("p", { class: "note" }, `Recorded: ${word.label ?? word.value}.`));
    return true;
  } catch (error) {
    if (!signal.aborted) fill(said, problem(error));
    return false;
  }
}
