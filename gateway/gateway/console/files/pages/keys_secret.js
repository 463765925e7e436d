// A key that was just made. It stands in this one element and nowhere else; who leaves the page has seen it the last time.

import { h } from "../lib/dom.js";
import { copyable } from "../lib/snippets.js";

export function shownOnce({ name, key }) {
  const element = h("section", { class: "card", role: "status" }, h("h2", {}, `The key of ${name}`),
    h("p", {}, "Keep it now: it is shown this once, and nobody has it but you."), copyable("Key", key),
    h("p", { class: "note" }, "Send it as ", h("code", {}, "Authorization: Bearer …"), " or ", h("code", {}, "X-API-Key"), ", never in an address."),
    h("p", { class: "actions" }, h("button", { type: "button", onclick: () => element.remove() }, "I have it")));
  return element;
}
