// Asks before what cannot be taken back.

import { fill, h } from "./dom.js";
import { problem } from "./parts.js";

/** Opens a dialog; `act` runs when its button is pressed, and what it throws is said there. Answers what `act` did, null: cancelled. */
export function confirmed(title, explanation, verb, act) {
  const said = h("div", {});
  const go = h("button", { type: "submit", class: "main" }, verb);
  const form = h("form", { method: "dialog" }, h("h2", { id: "confirm-title" }, title), h("p", {}, explanation), said,
    h("div", { class: "actions" }, go, h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Cancel")));
  const dialog = h("dialog", { "aria-labelledby": "confirm-title" }, form);
  let done = null;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    try {
      done = await act();
      dialog.close();
    } catch (error) {
      fill(said, problem(error));
      go.disabled = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    dialog.remove();
    resolve(done);
  }, { once: true }));
}
