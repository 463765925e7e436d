// A stream of the API as a file of the browser's: asked for with the token in a header, so that it is in no address.

import { address, ApiError } from "./api.js";
import { h } from "./dom.js";
import { authorization } from "./token.js";

/** What a tab may hold of a file before it is saved. */
export const MOST_BYTES = 256 * 2 ** 20;

export class TooLarge extends Error {}

/** The whole stream. `progress(bytes)` hears how much there is; throws ApiError, TooLarge, or AbortError when `signal` ended it. */
export async function download(path, params, { signal, progress }) {
  const response = await fetch(address(path, params), { headers: authorization(), cache: "no-store", credentials: "same-origin", redirect: "error", signal });
  if (!response.ok) throw new ApiError(response.status, await response.json().catch(() => ({ title: response.statusText })), response.headers);
  const pieces = [];
  let bytes = 0;
  for (const reader = response.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.length;
    if (bytes > MOST_BYTES) {
      await reader.cancel();
      throw new TooLarge();
    }
    pieces.push(value);
    progress(bytes);
  }
  return new Blob(pieces, { type: response.headers.get("Content-Type") ?? "" });
}

/** Hands a file to whoever uses the browser. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
