// Record: predictions on record, filtered and page by page, one in detail, and what they should have been, by keyboard.

import { get } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { milliseconds, percent, short } from "../lib/format.js";
import { field, nothing, problem, time } from "../lib/parts.js";
import { askUntilItIsThere } from "../lib/poll.js";
import { go, href } from "../lib/router.js";
import { locked } from "../lib/token_dialog.js";
import { hasToken, whenTokenChanges } from "../lib/token.js";
import { detail } from "./record_detail.js";
import { exportAndErase } from "./record_export.js";
import { giveFeedback, labelsOf, saidOf } from "./record_feedback.js";
import { review } from "./record_review.js";

const PAGE_ROWS = 50;
const MOST_LOOKS = 10;
const FILTERS = [
  ["model_name", "Model"], ["model_version", "Version"], ["label", "Label"], ["min_confidence", "Confidence from"], ["max_confidence", "Confidence to"],
  ["since", "From (with zone)"], ["until", "Until (with zone)"], ["caller", "Caller"], ["key_id", "Key id"],
];
const FEEDBACK = [["", "any"], ["missing", "missing"], ["given", "given"]];

export function render(params, signal) {
  const place = h("div", {});
  const show = () => fill(place, hasToken() ? unlocked(params, signal) : locked("The record is not public: what callers sent may be in it. It is read with the admin token."));
  whenTokenChanges(show, signal);
  show();
  return place;
}

function unlocked(params, signal) {
  if (params.id) return detail(params, signal);
  if (params.review) return review(params, signal);
  return [filters(params), list(params, signal), exportAndErase(params, signal)];
}

function filters(params) {
  const inputs = FILTERS.map(([name, label]) => [label, h("input", { id: `filter-${name}`, name, type: "text", autocomplete: "off", value: params[name] ?? "" })]);
  const feedback = h("select", { id: "filter-feedback", name: "feedback" }, FEEDBACK.map(([value, text]) => h("option", { value }, text)));
  feedback.value = params.feedback ?? "";
  const form = h("form", { class: "card", onsubmit: (event) => {
    event.preventDefault();
    go("record", Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()])));
  } }, h("div", { class: "inputs" }, [...inputs, ["Feedback", feedback]].map(([label, control]) => field(label, control))),
    h("p", { class: "actions" }, h("button", { type: "submit" }, "Look"), h("a", { href: href("record") }, "Everything"),
      h("a", { href: href("record", { feedback: "missing", max_confidence: "0.6" }) }, "Unsure and not judged"),
      params.model_name && h("a", { href: href("record", { review: params.model_name }) }, `What of ${params.model_name} deserves a label`)));
  return form;
}

function list(params, signal) {
  const rows = h("tbody", {}), said = h("div", { role: "status" }), more = h("button", { type: "button" }, "Older ones");
  const labels = labelsOf(signal);
  let cursor = null;
  const load = async () => {
    more.hidden = true;
    fill(said, nothing("Loading …"));
    try {
      // A page may be short before the end, when much had to be looked through.
      for (let missing = PAGE_ROWS, looks = 0; missing > 0 && looks < MOST_LOOKS; looks += 1) {
        const { data } = await get("/predictions", { params: { ...params, limit: missing, cursor }, admin: true, signal });
        rows.append(...data.predictions.map((one) => row(one, params)));
        cursor = data.next_cursor;
        if (cursor === null) break;
        missing -= data.predictions.length;
      }
      more.hidden = cursor === null;
      fill(said, rows.children.length ? null : nothing(cursor ? "None yet; there is more to look through." : "Nothing on record fits."));
    } catch (error) {
      more.hidden = cursor === null;
      throw error;
    }
  };
  const failed = (error) => signal.aborted || fill(said, problem(error));
  more.addEventListener("click", () => load().catch(failed));
  rows.addEventListener("keydown", (event) => byKey(event, labels, said, signal));
  askUntilItIsThere(signal, load, failed);
  const heads = ["Time", "Model", "Prediction", "Confidence", "Model took", "Should have been"];
  return h("section", { class: "card" }, h("h2", {}, "Predictions"),
    h("p", { class: "note" }, "Newest first. In the list: up and down go from one to the next, 1 to 9 say which of the model's labels would have been right."),
    h("div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "Predictions on record" },
      h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))), rows)), said, h("p", { class: "actions" }, more));
}

function row(one, params) {
  const node = h("tr", {}, h("td", {}, h("a", { href: href("record", { ...params, id: one.prediction_id }) }, time(one.timestamp))),
    h("td", {}, one.model_name, " ", h("span", { class: "note" }, one.model_version)), h("td", {}, one.prediction_label ?? one.labels?.join(", ") ?? short(one.prediction_value)),
    h("td", {}, percent(one.confidence)), h("td", {}, milliseconds(one.inference_time_ms)), h("td", { class: "judged" }, one.feedback ? saidOf(one.feedback) : "–"));
  node.prediction = one;
  return node;
}

/** Up and down move from row to row; a digit says which of its model's labels would have been right. */
async function byKey(event, labels, said, signal) {
  const here = event.target.closest("tr");
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (step) {
    event.preventDefault();
    here[step]?.querySelector("a").focus();
  } else if (/^[1-9]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const known = await labels(here.prediction).catch((error) => signal.aborted || fill(said, problem(error)) && null);
    const label = known?.[Number(event.key) - 1];
    if (label === undefined) return;
    if (await giveFeedback(here.prediction, { label }, said, signal)) here.querySelector(".judged").textContent = label;
  }
}
