// A choice among the models that are loaded; the choice is part of the address.

import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { askUntilItIsThere } from "./poll.js";
import { go } from "./router.js";

/** A labelled choice of a model, with `every`: of none. */
export function modelChoice(signal, params, page, every = "All models") {
  const id = "choice-of-model";
  const select = h("select", { id, onchange: () => go(page, { ...params, model: select.value, version: null }) });
  const offer = (names) => {
    const known = params.model && !names.includes(params.model) ? [...names, params.model] : names;
    fill(select, every && h("option", { value: "" }, every), known.map((name) => h("option", { value: name }, name)));
    select.value = params.model ?? "";
  };
  offer([]);
  askUntilItIsThere(signal, async () => offer(await modelNames(signal)));
  return h("div", { class: "field" }, h("label", { for: id }, "Model"), select);
}

/** The names of the models that are loaded, the default one first. */
export async function modelNames(signal) {
  const { data } = await get("/models", { signal });
  const models = [...data.models].sort((one, other) => Number(other.default) - Number(one.default));
  return [...new Set(models.map((model) => model.name))];
}
