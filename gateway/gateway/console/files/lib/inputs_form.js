// A form made from a model's signature, and the inputs that it holds.

import { h } from "./dom.js";

const MOST_CHOICES = 200;
const WHOLE = /^[+-]?\d+$/;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Whether requests to this model may say `text` instead of `inputs`. */
export function takesOneText(model) {
  return model.inputs.length === 1 && model.inputs[0].type === "text" && model.inputs[0].name === "text";
}

/** The fields of a model's inputs: their element, and `read()`, the body's `inputs`. Raises Error for what is no value. */
export function inputsForm(model) {
  const fields = model.inputs.map((input, index) => ({ input, control: control(input, `input-${index}`), id: `input-${index}` }));
  const element = h("div", { class: "inputs" }, fields.map(({ input, control: field, id }) =>
    h("div", { class: "input" }, h("label", { for: id }, input.name, " ", h("span", { class: "note" }, hint(input))), field)));
  return {
    element,
    read: () => Object.fromEntries(fields.flatMap(({ input, control: field }) => {
      const written = field.matches("select, input, textarea") ? field.value : field.querySelector("input").value;
      const text = input.type === "text" || input.type === "category" ? written : written.trim();
      return text === "" && input.type !== "text" ? [] : text === "" && !input.required ? [] : [[input.name, valueOf(input, text)]];
    })),
  };
}

function hint(input) {
  const kind = input.type === "tensor" ? `${input.datatype} tensor as JSON` : input.type;
  if ("default" in input) return `${kind}, ${input.default} if left out`;
  return input.required ? kind : `${kind}, may be left out`;
}

function control(input, id) {
  if (input.type === "text") return h("textarea", { id, rows: 3, maxlength: 10_000 });
  if (input.type === "number" || input.type === "integer") return h("input", { id, type: "text", inputmode: "decimal", autocomplete: "off" });
  if (input.type === "boolean") return choice(id, ["true", "false"]);
  if (input.type === "category" && !input.other && input.values.length <= MOST_CHOICES) return choice(id, input.values);
  if (input.type === "category") {
    return h("div", {}, h("input", { id, type: "text", list: `${id}-values`, autocomplete: "off" }),
      h("datalist", { id: `${id}-values` }, input.values.slice(0, MOST_CHOICES).map((value) => h("option", { value }))));
  }
  if (input.type === "timestamp") return h("input", { id, type: "text", autocomplete: "off", placeholder: "2026-01-31T08:30:00Z" });
  return h("textarea", { id, rows: 3, class: "code", placeholder: "[0.1, 0.2]" });
}

function choice(id, values) {
  return h("select", { id }, h("option", { value: "" }, "–"), values.map((value) => h("option", { value }, value)));
}

function valueOf(input, text) {
  if (input.type === "number" || input.type === "integer") {
    const isWhole = input.type === "integer", number = Number(text);
    if (!(isWhole ? WHOLE : DECIMAL).test(text) || !Number.isFinite(number)) throw new Error(`${input.name}: ${text} is not ${isWhole ? "a whole" : "a"} number.`);
    if (isWhole && !Number.isSafeInteger(number)) throw new Error(`${input.name}: ${text} has more digits than a browser keeps; ask with a program.`);
    return number;
  }
  if (input.type === "boolean") return text === "true";
  if (input.type !== "tensor") return text;
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${input.name}: this is not JSON.`);
  }
}
