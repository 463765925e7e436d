// Several rows at once: CSV as it comes from a spreadsheet, answered as a table.

import { ApiError, address } from "../lib/api.js";
import { readCsv, withCommas, written } from "../lib/csv.js";
import { fill, h } from "../lib/dom.js";
import { count, counted } from "../lib/format.js";
import { nothing, problem, table } from "../lib/parts.js";

const SHOWN_ROWS = 200;

/** More than that is a job for `curl -T`. */
const MAX_CHARACTERS = 1_000_000;

export function csvCard(model, signal) {
  const header = model.inputs.map((input) => written(input.name)).join(",");
  const field = h("textarea", { id: "rows", class: "code", rows: 6, spellcheck: "false", maxlength: MAX_CHARACTERS });
  field.value = `${header}\n`;
  const answer = h("div", { "aria-live": "polite" });
  const button = h("button", { type: "submit" }, "Predict all rows");
  const predict = async (event) => {
    event.preventDefault();
    button.disabled = true;
    fill(answer, nothing("Waiting for the answers …"));
    try {
      fill(answer, answers(await predicted(withCommas(field.value, numbersOf(model)), model, signal)));
    } catch (error) {
      if (!signal.aborted) fill(answer, problem(error));
    } finally {
      button.disabled = false;
    }
  };
  return h("form", { class: "card", onsubmit: predict }, h("h2", {}, "Several rows"),
    h("label", { for: "rows" }, "CSV with a header ", h("span", { class: "note" }, "or as copied from a spreadsheet; columns that begin with _ are passed through; longer files: POST /predict/batch")),
    field, h("div", { class: "actions" }, button), answer);
}

/** The inputs whose cells are numbers. */
function numbersOf({ inputs }) {
  return new Set(inputs.filter((input) => input.type === "number").map((input) => input.name));
}

async function predicted(text, model, signal) {
  let response, body;
  try {
    response = await fetch(address("/predict/batch", { model_name: model.name, model_version: model.version }), {
      method: "POST", headers: { "Content-Type": "text/csv" }, body: text, cache: "no-store", credentials: "same-origin", signal,
    });
    body = await response.text();
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ApiError(0, { title: "No answer", detail: "The answer broke off; what it says of earlier rows is on record." });
  }
  if (!response.ok) throw new ApiError(response.status, safely(body), response.headers);
  return body;
}

function safely(body) {
  try {
    return JSON.parse(body);
  } catch {
    return { title: "Error" };
  }
}

function answers(csv) {
  const [heads, ...rows] = readCsv(csv);
  if (!rows.length) return nothing("There is no row below the header.");
  const kept = heads.map((_, column) => rows.some((row) => row[column]));
  const only = (cells) => cells.filter((_, column) => kept[column]);
  const failed = rows.filter((row) => row[heads.indexOf("error")]).length;
  const link = h("a", { href: URL.createObjectURL(new Blob([csv], { type: "text/csv" })), download: "predictions.csv" }, "Save as CSV");
  return [h("p", {}, `${counted(rows.length, "row")}, ${failed ? `${count(failed)} of them failed` : "all predicted"}. `, link),
    table("Answers", only(heads), rows.slice(0, SHOWN_ROWS).map(only)),
    rows.length > SHOWN_ROWS && h("p", { class: "note" }, `The first ${SHOWN_ROWS} are shown.`)];
}
