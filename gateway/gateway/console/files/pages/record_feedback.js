// What a prediction should have been, said with the admin token.

import { get, post } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { problem } from "../lib/parts.js";

/** A promise of a function: the labels of a prediction's model, where that version is served now. */
export async function labelsOf(signal) {
  const { data } = await get("/models", { signal });
  return ({ model_name: name, model_version: version }) => data.models.find((model) => model.name === name && model.version === version)?.labels ?? [];
}

/** Says it, and in `said` how that went; answers whether it is on record. */
export async function giveFeedback(prediction, label, said, signal) {
  try {
    await post("/feedback", { prediction_id: prediction.prediction_id, label }, { admin: true, signal });
    fill(said, h("p", { class: "note" }, `Recorded: ${label}.`));
    return true;
  } catch (error) {
    if (!signal.aborted) fill(said, problem(error));
    return false;
  }
}
