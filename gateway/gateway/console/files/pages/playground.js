// Playground: a form made from a model's signature, and what the model says.

import { address, get, post } from "../lib/api.js";
import { fill, fillWhenChanged, h } from "../lib/dom.js";
import { inputsForm, takesOneText } from "../lib/inputs_form.js";
import { nothing, problem } from "../lib/parts.js";
import { askUntilItIsThere } from "../lib/poll.js";
import { go } from "../lib/router.js";
import { copyable, snippets } from "../lib/snippets.js";
import { answerCard } from "./playground_answer.js";
import { csvCard } from "./playground_csv.js";

export function render(params, signal) {
  const place = h("div", {}, nothing("Loading …"));
  askUntilItIsThere(signal, () => load(place, params, signal), (error) => fill(place, problem(error)));
  return place;
}

async function load(place, params, signal) {
  const { data } = await get("/models", { signal });
  const model = data.models.find((one) => one.name === params.model && (!params.version || one.version === params.version))
    ?? (params.model ? null : data.models.find((one) => one.default) ?? data.models[0]);
  const controls = h("div", { class: "controls" }, modelChoice(data.models, model));
  if (!model) {
    fill(place, controls, nothing(data.models.length ? `No model ${params.model}${params.version ? ` ${params.version}` : ""} is served.` : "No model is served."));
    return;
  }
  fill(place, controls, workbench(model, signal));
}

function modelChoice(models, chosen) {
  const select = h("select", { id: "played-model", onchange: () => {
    const [model, version] = JSON.parse(select.value);
    go("playground", { model, version });
  } }, models.map((model) => h("option", { value: JSON.stringify([model.name, model.version]) }, `${model.name} ${model.version}`)));
  select.value = chosen ? JSON.stringify([chosen.name, chosen.version]) : "";
  return h("div", { class: "field" }, h("label", { for: "played-model" }, "Model"), select);
}

function workbench(model, signal) {
  const form = inputsForm(model);
  const answer = h("div", { "aria-live": "polite" }, nothing("The answer stands here."));
  const code = h("div", {});
  const button = h("button", { type: "submit", class: "main" }, "Predict");
  const bodyNow = () => ({ ...(takesOneText(model) ? form.read() : { inputs: form.read() }), model_name: model.name, model_version: model.version });
  const inOtherWords = () => {
    try {
      const url = new URL(address("/predict"), location.href).href;
      fillWhenChanged(code, snippets(url, bodyNow()), (list) => list.map(([name, text]) => copyable(name, text)));
    } catch (error) {
      fillWhenChanged(code, error.message, nothing);
    }
  };

  const predict = async (event) => {
    event.preventDefault();
    if (button.disabled) return; // Ctrl-Enter, while the answer is awaited
    button.disabled = true;
    try {
      const { data, milliseconds } = await post("/predict", bodyNow(), { signal, timeoutSeconds: 60 });
      fill(answer, answerCard(data, milliseconds, model, signal));
    } catch (error) {
      if (!signal.aborted) fill(answer, problem(error));
    } finally {
      button.disabled = false;
    }
  };
  const element = h("form", { class: "card", onsubmit: predict, oninput: inOtherWords, onchange: inOtherWords },
    h("h2", {}, "One row"), model.description && h("p", { class: "note" }, model.description), form.element, h("div", { class: "actions" }, button));
  element.addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && element.requestSubmit());
  inOtherWords();
  return [
    h("div", { class: "grid" }, element, h("section", { class: "card" }, h("h2", {}, "Answer"), answer)),
    csvCard(model, signal),
    h("section", { class: "card" }, h("h2", {}, "The same call elsewhere"), code),
  ];
}
