// The public API, as any client could use it.

import { authorization, bearer } from "./token.js";

const TIMEOUT_SECONDS = 15;

/** Why there is no answer: a problem (RFC 9457) of the server, or status 0 when nothing came. */
export class ApiError extends Error {
  constructor(status, problem, headers) {
    super(problem.detail || problem.title || "Something went wrong.");
    this.status = status;
    this.title = problem.title || "";
    this.errors = problem.errors || [];
    this.requestId = problem.request_id || null;
    this.retryAfterSeconds = Number(headers?.get("Retry-After")) || null;
  }
}

/** The address of a path of the API, below whatever prefix the gateway is served. */
export function address(path, params = {}) {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== null && value !== undefined));
  return `${document.body.dataset.prefix}${path}${query.size ? `?${query}` : ""}`;
}

/**
 * Asks the API. Answers {data, text, headers, milliseconds}, data being what the text is as JSON; throws ApiError, or AbortError when `signal` ended it.
 * `body` is sent as JSON; `admin`: with the admin token; `token`: with this one instead; `accepted`: statuses beside 2xx that are an answer.
 */
export async function ask(method, path, options = {}) {
  const { body, params, admin = false, token = null, signal, timeoutSeconds = TIMEOUT_SECONDS, accepted = [] } = options;
  const headers = { Accept: "application/json", ...(token ? bearer(token) : admin ? authorization() : {}) };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const began = performance.now();
  const deadline = AbortSignal.timeout(timeoutSeconds * 1000);
  let response, text;
  try {
    response = await fetch(address(path, params), {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store",
      credentials: "same-origin", redirect: "error", signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    const detail = deadline.aborted ? `No answer within ${timeoutSeconds} s.` : "The gateway cannot be reached.";
    throw new ApiError(0, { title: "No answer", detail });
  }
  const milliseconds = performance.now() - began;
  const data = parsed(text);
  if (!response.ok && !accepted.includes(response.status)) {
    throw new ApiError(response.status, data ?? { title: response.statusText }, response.headers);
  }
  return { data, text, headers: response.headers, milliseconds };
}

function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

export const get = (path, options) => ask("GET", path, options);
export const post = (path, body, options) => ask("POST", path, { ...options, body });
