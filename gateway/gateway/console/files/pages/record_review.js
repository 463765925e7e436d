// The review queue: predictions from which a person's word tells most, each with its reason; labelled by keyboard.

import { get } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { count, percent, short, words } from "../lib/format.js";
import { nothing, problem, time } from "../lib/parts.js";
import { askUntilItIsThere } from "../lib/poll.js";
import { go, href } from "../lib/router.js";
import { giveFeedback, labelsOf, valueForm } from "./record_feedback.js";

const PAGE = 20;
const WINDOWS = [[60, "the last hour"], [1440, "the last day"], [10_080, "the last week"]];
const SHOWN_CHARACTERS = 300;

export function review(params, signal) {
  const list = h("ol", { class: "queue" }), said = h("div", { role: "status" }), looked = h("p", { class: "note" });
  const more = h("button", { type: "button", hidden: true }, "More of them");
  const labels = labelsOf(signal);
  let cursor = null;
  const load = async () => {
    more.hidden = true;
    fill(said, nothing("Loading …"));
    try {
      const asked = { model_name: params.review, time_window_minutes: params.window ?? 1440, limit: PAGE, cursor };
      const { data } = await get("/predictions/review", { params: asked, admin: true, signal });
      const named = await Promise.all(data.entries.map((one) => labels(one.prediction)));
      const first = list.children.length === 0;
      list.append(...data.entries.map((one, at) => entry(one, named[at], said, signal)));
      cursor = data.next_cursor;
      more.hidden = cursor === null;
      fill(looked, `Of ${count(data.looked_at.predictions)} predictions since `, time(data.looked_at.since), ".");
      fill(said, list.children.length ? null : nothing("Nothing of this window deserves a label that it has not."));
      if (first) list.querySelector("li")?.focus();
    } catch (error) {
      more.hidden = cursor === null;
      throw error;
    }
  };
  const failed = (error) => signal.aborted || fill(said, problem(error));
  more.addEventListener("click", () => load().catch(failed));
  list.addEventListener("keydown", byKey);
  askUntilItIsThere(signal, load, failed);
  return [
    h("p", { class: "controls" }, h("a", { href: href("record", { model_name: params.review }) }, "Back to the list"), modelForm(params)),
    h("section", { class: "card" }, h("h2", {}, `What of ${params.review} deserves a label`),
      h("p", { class: "note" }, "1 to 9 say which label would have been right and go on to the next; up and down move without a word."),
      list, said, looked, h("p", { class: "actions" }, more)),
  ];
}

function modelForm(params) {
  const select = h("select", { id: "review-window" }, WINDOWS.map(([minutes, text]) => h("option", { value: minutes }, text)));
  select.value = params.window ?? "1440";
  select.addEventListener("change", () => go("record", { review: params.review, window: select.value }));
  return h("span", { class: "field" }, h("label", { for: select.id }, "Of"), select);
}

function entry({ reason, because, prediction }, labels, said, signal) {
  const judged = h("span", { class: "judged" });
  const predicted = prediction.prediction_label ?? prediction.labels?.join(", ") ?? short(prediction.prediction_value);
  const node = h("li", { tabindex: 0, "aria-label": `${words(reason)}: ${predicted}` },
    h("p", {}, h("strong", {}, words(reason)), ": ", because),
    contentOf(prediction),
    h("p", {}, "It said ", h("strong", {}, predicted), prediction.confidence !== null && `, ${percent(prediction.confidence)} sure`, ", ",
      h("a", { href: href("record", { id: prediction.prediction_id }) }, time(prediction.timestamp)), ". ", judged),
    h("div", { class: "actions" }, labels.map((label, at) => h("button", { type: "button", class: "quiet", onclick: () => node.judge({ label }) }, at < 9 && h("kbd", {}, at + 1), " ", label))),
    !labels.length && prediction.prediction_value !== null && valueForm((value) => node.judge({ value })));
  node.judge = async (word) => {
    if (!(await giveFeedback(prediction, word, said, signal))) return;
    fill(judged, `Should have been ${word.label ?? short(word.value)}.`);
    node.classList.add("done");
    node.nextElementSibling?.focus();
  };
  node.labels = labels;
  return node;
}

function contentOf({ text, inputs, input_length: length }) {
  const shown = text ?? (inputs && JSON.stringify(inputs));
  if (!shown) return h("p", { class: "note" }, `${count(length)} characters, which are not stored (STORE_TEXT, STORE_INPUTS).`);
  return h("blockquote", {}, shown.length > SHOWN_CHARACTERS ? `${shown.slice(0, SHOWN_CHARACTERS)} …` : shown);
}

function byKey(event) {
  const here = event.target.closest("li");
  if (event.target.matches("input")) return;
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (step) {
    event.preventDefault();
    here[step]?.focus();
  } else if (/^[1-9]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const label = here.labels[Number(event.key) - 1];
    if (label !== undefined) here.judge({ label });
  }
}
