// Models: every version that is served, what it takes, what comes out, how much it is asked; and folders that are not served.

import { get, post } from "../lib/api.js";
import { fillWhenChanged, h } from "../lib/dom.js";
import { count, counted, milliseconds, percent, short } from "../lib/format.js";
import { badge, card, freshness, nothing, table } from "../lib/parts.js";
import { keepAsking } from "../lib/poll.js";
import { href } from "../lib/router.js";
import { authorsCard } from "./models_card.js";
import { compare } from "./models_compare.js";

const SECONDS = 15;
const DAY_MINUTES = 1440;
const SHOWN_WORDS = 40;

export function render(params, signal) {
  if (params.card) return authorsCard(params, signal);
  if (params.compare) return compare(params, signal);
  const fresh = freshness();
  const served = h("div", { class: "grid wide" }, nothing("Loading …"));
  const others = h("div", {});
  keepAsking(signal, SECONDS, async () => {
    const [{ data: models }, traffic] = await Promise.all([get("/models", { signal }), trafficByVersion(signal)]);
    const shown = models.models.filter((model) => !params.model || model.name === params.model);
    fillWhenChanged(served, [shown, shown.map((model) => traffic?.get(key(model)))], ([list]) =>
      list.length ? list.map((model) => modelCard(model, traffic, params)) : nothing(params.model ? `No model ${params.model} is served.` : "No model is served."));
    fillWhenChanged(others, [models.skipped, models.waiting], ([skipped, waiting]) => [foldersThatWait(waiting), foldersThatAreSkipped(skipped)]);
    fresh.fresh();
  }, fresh.failed);
  return [h("div", { class: "controls" }, params.model && h("a", { href: href("models") }, "All models"), fresh.element), others, served];
}

const key = (model) => JSON.stringify([model.name ?? model.model_name, model.version ?? model.model_version]);

/** Aggregates of the last day by version; null while the metrics-service does not answer. */
async function trafficByVersion(signal) {
  try {
    const { data } = await post("/metrics/aggregated", { time_window_minutes: DAY_MINUTES }, { signal });
    return new Map(data.versions.map((version) => [key(version), version]));
  } catch (error) {
    if (signal.aborted) throw error;
    return null;
  }
}

function modelCard(model, traffic, params) {
  return card([model.name, " ", h("span", { class: "version" }, model.version), " ", badge(model.state), model.default && [" ", badge("default", "default")]],
    model.reason && h("p", { class: "problem" }, model.reason),
    model.description && h("p", {}, model.description),
    h("dl", { class: "facts" },
      fact("Task", model.task_type.replaceAll("_", " ")),
      fact("Runs in", model.runtime),
      fact("Last 24 h", trafficInWords(traffic, model)),
      model.unit && fact("Unit", model.unit),
      model.dimension && fact("Vector", `${count(model.dimension)} numbers`),
      model.labels.length > 0 && fact("Labels", listed(model.labels)),
      model.outputs.length > 0 && fact("Outputs", listed(model.outputs.map((one) => `${one.name} (${one.datatype}${one.shape ? ` ${one.shape.join(" × ")}` : ""})`))),
      fact("Golden rows", goldenInWords(model.golden)),
      fact("Source", model.source),
      fact("Digest", h("code", { class: "digest" }, model.digest))),
    signature(model),
    h("p", { class: "actions" }, h("a", { href: href("playground", { model: model.name, version: model.version }) }, "Try it"),
      model.card && h("a", { href: href("models", { ...params, card: model.name, version: model.version }) }, "Model card"),
      h("a", { href: href("overview", { model: model.name }) }, "Its traffic"),
      h("a", { href: href("models", { compare: model.name, version: model.version }) }, "Compare")));
}

function fact(name, value) {
  return [h("dt", {}, name), h("dd", {}, value)];
}

function listed(words) {
  const more = words.length - SHOWN_WORDS;
  return h("ul", { class: "words" }, words.slice(0, SHOWN_WORDS).map((word) => h("li", {}, word)), more > 0 && h("li", {}, `and ${count(more)} more`));
}

function goldenInWords({ rows, largest_tolerance: tolerance }) {
  return rows ? `${count(rows)} came out as expected, numbers within ${tolerance}` : "none: nothing says what must come out";
}

function trafficInWords(traffic, model) {
  if (!traffic) return "not known now";
  const version = traffic.get(key(model));
  if (!version) return "not asked";
  const parts = [counted(version.total_predictions, "prediction"), `${milliseconds(version.average_inference_time_ms)} on average`];
  if (version.average_confidence !== null) parts.push(`confidence ${short(version.average_confidence)}`);
  return `${parts.join(", ")}, ${percent(version.total_predictions / totalOf(traffic))} of all`;
}

function totalOf(traffic) {
  return [...traffic.values()].reduce((sum, version) => sum + version.total_predictions, 0);
}

/** What a request has to bring, and in which form. */
function signature({ name, version, inputs }) {
  return h("details", { class: "signature", open: inputs.length > 1 && inputs.length <= 8 }, h("summary", {}, `Takes ${inputs.length === 1 ? "one input" : `${inputs.length} inputs`}`),
    table(`Inputs of ${name} ${version}`, ["Input", "Type", "Values", "If missing"], inputs.map((input) => [
      h("code", {}, input.name), input.type, valuesOf(input),
      "default" in input ? `${input.default}` : input.required ? "refused" : "left to the model",
    ])));
}

function valuesOf(input) {
  if (input.values) return [listed(input.values), input.other ? "others too" : null];
  if (input.type === "tensor") return `${input.datatype} ${(input.shape ?? []).map((size) => (size === -1 ? "any" : size)).join(" × ")}`;
  return { text: "any text", number: "any number", integer: "a whole number", boolean: "true or false", timestamp: "RFC 3339, with a zone" }[input.type] ?? "";
}

function foldersThatAreSkipped(skipped) {
  if (!skipped.length) return null;
  return card([badge("skipped", `${skipped.length} skipped`), " Folders that are not served"],
    table("Skipped folders", ["Folder", "Why"], skipped.map((one) => [h("code", {}, one.folder), one.reason])));
}

function foldersThatWait(waiting) {
  if (!waiting.length) return null;
  return card("Folders that wait", table("Waiting folders", ["Folder", "State", "Why"], waiting.map((one) => [h("code", {}, one.folder), badge(one.state), one.reason])));
}
