// A form for a new silence.

import { post } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { modelNames } from "../lib/model_choice.js";
import { field, problem } from "../lib/parts.js";
import { askUntilItIsThere } from "../lib/poll.js";
import { withToken } from "../lib/token_dialog.js";

const SIGNALS = ["confidence", "inference_time", "drift", "traffic", "accuracy", "value", "error"];
const LENGTHS = [[30, "30 min"], [120, "2 h"], [480, "8 h"], [1440, "1 d"], [10_080, "7 d"]];

export function silenceForm(params, signal, done) {
  const model = h("select", { id: "silence-model" }, h("option", { value: "" }, "Every model"));
  const kind = h("select", { id: "silence-signal" }, h("option", { value: "" }, "Every signal"), SIGNALS.map((one) => h("option", { value: one }, one.replace("_", " "))));
  const minutes = h("select", { id: "silence-minutes" }, LENGTHS.map(([value, text]) => h("option", { value }, text)));
  const reason = h("input", { id: "silence-reason", type: "text", maxlength: 500, autocomplete: "off" });
  const said = h("div", { role: "status" });
  askUntilItIsThere(signal, async () => {
    const names = await modelNames(signal);
    model.append(...names.map((name) => h("option", { value: name }, name)));
    model.value = names.includes(params.model) ? params.model : "";
  });
  const send = async (event) => {
    event.preventDefault();
    try {
      const made = await withToken(() => post("/metrics/silences", {
        model_name: model.value || null, signal: kind.value || null, minutes: Number(minutes.value), reason: reason.value,
      }, { admin: true, signal }));
      if (!made) return;
      fill(said, h("p", { class: "note" }, "Silenced."));
      done();
    } catch (error) {
      if (!signal.aborted) fill(said, problem(error));
    }
  };
  return h("form", { onsubmit: send }, h("h3", { class: "apart" }, "Silence alerts"),
    h("div", { class: "inputs" }, field("Model", model), field("Signal", kind), field("For", minutes), field("Reason", reason)),
    h("div", { class: "actions" }, h("button", { type: "submit" }, "Silence")), said);
}
