// Asks for the admin token, once.

import { ApiError, get } from "./api.js";
import { fill, h, say } from "./dom.js";
import { hasToken, setToken, whenTokenChanges } from "./token.js";

/** A path that wants the token and costs little. */
const CHECKED_BY = "/metrics/audit";

/** Makes `button` ask for the token, or forget it. */
export function startTokenButton(button) {
  const label = () => say(button, hasToken() ? "Forget admin token" : "Admin token");
  button.addEventListener("click", () => (hasToken() ? setToken(null) : askForToken()));
  whenTokenChanges(label);
  label();
}

/** In the place of what is not public. */
export function locked(sentence) {
  return h("section", { class: "card" }, h("p", { class: "nothing" }, sentence),
    h("p", { class: "actions" }, h("button", { type: "button", class: "main", onclick: askForToken }, "Give the admin token")));
}

/** Opens the dialog; answers whether there is a token afterwards. */
export function askForToken() {
  const field = h("input", { id: "admin-token", type: "password", autocomplete: "off", spellcheck: "false", required: true, maxlength: 4096 });
  const trouble = h("p", { class: "problem", role: "alert", hidden: true });
  const form = h("form", { method: "dialog" },
    h("h2", { id: "token-title" }, "Admin token"),
    h("p", {}, "Needed for what changes something for others and for what is not public. It stays in the memory of this tab until you close or reload it. ",
      "With ", h("code", {}, "make run"), " it is in ", h("code", {}, ".local/admin-token"), ", with ", h("code", {}, "make up"), " in ", h("code", {}, ".secrets/admin_token"), "."),
    h("label", { for: "admin-token" }, "Token"), field, trouble,
    h("div", { class: "actions" }, h("button", { type: "submit", class: "main" }, "Use it"),
      h("button", { type: "button", onclick: () => dialog.close() }, "Cancel")));
  const dialog = h("dialog", { "aria-labelledby": "token-title" }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const refusal = await refusalOf(field.value.trim());
    if (refusal === null) dialog.close();
    else {
      trouble.hidden = false;
      fill(trouble, refusal);
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    dialog.remove();
    resolve(hasToken());
  }, { once: true }));
}

/** Takes the token once it has proved right; else why not. No page hears of a wrong one. */
async function refusalOf(token) {
  if (!/^[\x21-\x7e]+$/.test(token)) return "A token is printable ASCII without spaces.";
  try {
    await get(CHECKED_BY, { token, params: { limit: 1 } });
    setToken(token);
    return null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.status === 401 ? "This is not the admin token." : `It cannot be checked: ${error.message}`;
  }
}

/** What `call` answers, which needs the token: asked for first, if there is none. Null when nobody gives one. */
export async function withToken(call) {
  if (!hasToken() && !(await askForToken())) return null;
  return call();
}
