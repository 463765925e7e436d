"""Ended spans on their way to a receiver, by OTLP over HTTP, from a thread of their own.

Nothing here can slow a request or fail it: what waits is bounded, and what does not fit is dropped and counted.
Receiver away: what was to be sent is lost and counted, said once, and so is that it is back.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

import structlog
from prometheus_client import Counter

from shared.tracing.span import Span

MOST_WAITING = 4096
"""Spans. More come only when the receiver is slower than the requests; about 4 MiB."""

BATCH = 512
"""Spans in one request, OpenTelemetry's own default."""

PAUSE_SECONDS = 1.0
"""Between two looks whether something waits."""

LAST_SECONDS = 1.0
"""How long the end of the process waits for what is still here."""

EXPORTED = Counter("tracing_spans", "Spans of traces, by what became of them", ["outcome"])
SENT, DROPPED, LOST = (EXPORTED.labels(outcome) for outcome in ("sent", "dropped", "lost"))

log = structlog.get_logger()

Send = Callable[[Sequence[Span]], bool]
"""Sends spans, and says whether they arrived."""


class SpanQueue:
    """Spans that wait, and the thread that sends them. `put` may be called from any thread, and never waits."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: deque[Span] = deque()  # mutable: put adds on the right, the thread takes from the left
        self._ending = threading.Event()
        self._is_away = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="traces")

    def start(self) -> None:
        """Begins to send."""
        self._thread.start()

    def put(self, span: Span) -> None:
        """Takes an ended span, or drops it."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(span)
        else:
            DROPPED.inc()

    def close(self) -> None:
        """Sends what is still here, as far as that goes within a moment."""
        self._ending.set()
        self._thread.join(LAST_SECONDS)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._ending.wait(PAUSE_SECONDS)
            while self._waiting:
                self._send_some()

    def _send_some(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH))]
        try:
            arrived = self._send(batch)
        except Exception as error:  # noqa: BLE001 -- whatever the exporter's libraries raise, requests know nothing of it
            log.debug("spans not sent", error=repr(error))
            arrived = False
        (SENT if arrived else LOST).inc(len(batch))
        if arrived == self._is_away:
            self._is_away = not arrived
            log.warning("traces are lost: their receiver does not take them") if self._is_away else log.info(
                "traces arrive again"
            )


def quiet_the_library() -> None:
    """Its exporter says of each attempt that it failed; we say it once."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
