// The admin token. It lives in this module's memory, so in this tab until it is closed or loaded anew: in no URL, cookie
// or storage.

let token = null;
const listeners = new Set();

/** The header that shows it; none without. */
export function authorization() {
  return token === null ? {} : bearer(token);
}

/** The header that shows a token. */
export function bearer(text) {
  return { Authorization: `Bearer ${text}` };
}

export function hasToken() {
  return token !== null;
}

/** Takes a token, or forgets it (null), and tells whoever wants to know. */
export function setToken(value) {
  token = value;
  for (const listener of listeners) listener();
}

/** Calls `listener` whenever there is another token, until `signal` ends it. */
export function whenTokenChanges(listener, signal) {
  listeners.add(listener);
  signal?.addEventListener("abort", () => listeners.delete(listener), { once: true });
}
