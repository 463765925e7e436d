// What fits the filters, as a file; and erasing what a caller has asked.

import { ask } from "../lib/api.js";
import { confirmed } from "../lib/confirm.js";
import { fill, h, say } from "../lib/dom.js";
import { download, MOST_BYTES, save, TooLarge } from "../lib/download.js";
import { count, short } from "../lib/format.js";
import { field, problem } from "../lib/parts.js";

const FORMS = [["ndjson", "NDJSON"], ["csv", "CSV"], ["parquet", "Parquet"]];
const MIB = 2 ** 20;

export function exportAndErase(params, signal) {
  const said = h("div", { role: "status" });
  return h("details", { class: "card" }, h("summary", {}, "Export or erase"), exportPart(params, signal, said), erasePart(params, signal, said), said);
}

function exportPart(params, signal, said) {
  const buttons = FORMS.map(([form, name]) => h("button", { type: "button", onclick: () => exportAs(form) }, name));
  const stop = h("button", { type: "button", hidden: true }, "Stop");
  const exportAs = async (form) => {
    const stopping = new AbortController();
    stop.onclick = () => stopping.abort();
    const progress = h("p", { class: "note" }, "Waiting for the first rows …");
    fill(said, progress);
    for (const button of buttons) button.disabled = true;
    stop.hidden = false;
    try {
      const whole = await download("/predictions/export", { ...params, format: form }, {
        signal: AbortSignal.any([signal, stopping.signal]), progress: (bytes) => say(progress, `${short(bytes / MIB)} MiB so far.`),
      });
      save(whole, `predictions.${form}`);
      say(progress, `${short(whole.size / MIB)} MiB, whole, handed to the browser as predictions.${form}.`);
    } catch (error) {
      if (!signal.aborted) fill(said, why(error, stopping.signal.aborted));
    } finally {
      for (const button of buttons) button.disabled = false;
      stop.hidden = true;
    }
  };
  return [h("h3", { class: "apart" }, "Export"), h("p", { class: "note" }, "All that fits the filters above, newest first, whatever is shown of it."), h("p", { class: "actions" }, buttons, stop)];
}

function why(error, stopped) {
  if (stopped) return h("p", { class: "note" }, "Stopped; nothing was saved.");
  if (error instanceof TooLarge) return h("p", { class: "problem" }, `More than ${count(MOST_BYTES / MIB)} MiB, which is too much for a tab. Take less time at once, or GET /predictions/export with a program: it streams.`);
  if (error.status === undefined) return h("p", { class: "problem" }, "The stream broke off before its end; nothing was saved.");
  return problem(error);
}

function erasePart(params, signal, said) {
  const caller = h("input", { id: "erase-caller", type: "text", autocomplete: "off", required: true, maxlength: 200, value: params.caller ?? "" });
  const erase = async (event) => {
    event.preventDefault();
    const asked = { caller: caller.value.trim(), model_name: params.model_name ?? null };
    const of = asked.model_name ? `of the model ${asked.model_name}` : "of every model";
    const done = await confirmed("Erase what a caller has asked?", ["All predictions ", of, " that ", h("code", {}, asked.caller), " has asked for until now, with their feedback. This cannot be taken back; aggregates stay, and that you did it is on the audit."],
      "Erase", async () => (await ask("DELETE", "/predictions", { params: asked, admin: true, signal, timeoutSeconds: 120 })).data);
    if (done) fill(said, h("p", { class: "note" }, erasedInWords(done)));
  };
  return h("form", { onsubmit: erase }, h("h3", { class: "apart" }, "Erase"),
    h("div", { class: "inputs" }, field("Caller: an address, or the digest of one", caller)),
    h("p", { class: "actions" }, h("button", { type: "submit" }, "Erase what this caller has asked …")));
}

/** What an erasure did. */
export function erasedInWords({ predictions, feedback, is_complete: whole }) {
  const erased = `${count(predictions)} ${predictions === 1 ? "prediction" : "predictions"} and ${count(feedback)} ${feedback === 1 ? "judgement" : "judgements"} erased.`;
  return whole ? erased : `${erased} There are more; the rest goes by itself within minutes.`;
}
