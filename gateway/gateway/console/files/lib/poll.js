// Asking again and again, at a price that many open consoles can pay: nothing while the page is hidden, less often after
// a failure.

const LONGEST_PAUSE_SECONDS = 30;
const RETRY_SECONDS = 2;

/**
 * Calls `once` now and then every `seconds` until `signal` ends it; a call that throws doubles the pause.
 * `failed(error)` hears of it. While the page is hidden nothing is asked; when it is seen again, at once.
 */
export function keepAsking(signal, seconds, once, failed) {
  let timer = null, running = false, pause = seconds;

  async function round() {
    if (running || signal.aborted || document.hidden) return;
    running = true;
    clearTimeout(timer);
    try {
      await once();
      pause = seconds;
    } catch (error) {
      if (signal.aborted) return;
      pause = Math.min(Math.max(pause * 2, 2), Math.max(seconds, LONGEST_PAUSE_SECONDS));
      failed(error);
    } finally {
      running = false;
      if (!signal.aborted) timer = setTimeout(round, pause * 1000);
    }
  }

  document.addEventListener("visibilitychange", round, { signal });
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  round();
  return round;
}

/** Calls `once` as `keepAsking` does until it has gone well, or been refused for good; `failed(error)` hears of each failure. */
export function askUntilItIsThere(signal, once, failed = () => {}) {
  const settled = new AbortController();
  keepAsking(AbortSignal.any([signal, settled.signal]), RETRY_SECONDS, async () => {
    try {
      await once();
    } catch (error) {
      if (signal.aborted || !isRefusal(error)) throw error;
      failed(error);
    }
    settled.abort();
  }, failed);
}

/** What the server has understood, and will refuse again. */
function isRefusal({ status }) {
  return status >= 400 && status < 500 && status !== 429;
}
