"""One structured line per event, on standard output: JSON for machines, aligned text for people.

structlog renders; what libraries send to `logging` passes through the same renderer. Every line carries the service
and, within a request, the request id, and that of its trace if it has one. A traceback names places and never shows
what variables hold: texts of clients are among them. No line is longer than a pipe takes in one piece.
"""

import json
import logging
import sys
from functools import cache
from typing import Any, BinaryIO, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.http.request_id import current_request_id
from shared.telemetry.batched_output import LONGEST_LINE_BYTES, BatchedOutput
from shared.tracing.context import current_trace_id

QUIET_LIBRARIES = ("aiohttp.access", "asyncio", "httpx", "httpcore", "urllib3", "alembic.runtime.plugins")
"""Libraries whose INFO lines repeat what our own lines say."""

FRAMES = 8
"""Of each exception of a traceback: half from where it was caught, half from where it was raised."""

CUTS = (2000, 1000, 500, 250)
"""Characters to which the longest values of a line that is too long are cut: the first cut with which it fits."""

LONG_VALUES = 4
"""So many values are cut; what the others take together is little, or they are left out."""

ALWAYS_KEPT = ("event", "level", "timestamp", "service", "request_id", "trace_id")

tracebacks = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=FRAMES)
)


def configure_logging(service: str, level: str, log_format: str) -> None:
    """Sends every log line of this process to standard output, as `json` or `console`."""
    shared: list[Processor] = [
        add_request_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service(service),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: list[Processor] = (
        [tracebacks, structlog.processors.JSONRenderer(serializer=to_json)]
        if log_format == "json"
        else [render_for_people]
    )
    structlog.configure(
        processors=[*shared, *renderer, to_line],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO", output())),
        cache_logger_on_first_use=True,
    )
    route_standard_logging(level, shared, renderer)


@cache
def output() -> BatchedOutput:
    """Where lines go."""
    return BatchedOutput(sys.stdout.fileno())


def flush_logs() -> None:
    """Writes what has not been written yet."""
    output().drain()


def route_standard_logging(level: str, shared: list[Processor], renderer: list[Processor]) -> None:
    """Lines that libraries write through `logging` get the same shape."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, drop_color_message, *renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)


def add_request_id(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Names the request in whose context the line is written, and its trace."""
    if request_id := current_request_id.get():
        event["request_id"] = request_id
    if trace_id := current_trace_id():
        event["trace_id"] = trace_id
    return event


def to_line(logger: WrappedLogger, method: str, line: Any) -> bytes:
    """What is written: the line in UTF-8, whatever it holds."""
    return str(line).encode("utf-8", "backslashreplace")


def add_service(service: str) -> Processor:
    """A processor that names the service in each line."""

    def add(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add


def drop_color_message(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Removes uvicorn's second copy of its messages, meant for terminals."""
    event.pop("color_message", None)
    return event


def to_json(event: EventDict, **_: Any) -> str:
    """The event as JSON. What makes the line too long is cut."""
    line = dumped(event)
    return (line if len(line) < LONGEST_LINE_BYTES else shortened(event)).decode()


def dumped(value: Any) -> bytes:
    """JSON by orjson; what it does not know is written as text. Names of files that are no UTF-8 it does not take."""
    try:
        return orjson.dumps(value, default=str)
    except TypeError:
        return json.dumps(value, default=str).encode()


def shortened(event: EventDict) -> bytes:
    """The JSON of the event with its longest values as text, cut so that the line fits, and a word that they are."""
    texts = {key: dumped(value) for key, value in event.items()}
    longest = sorted(texts, key=lambda key: len(texts[key]), reverse=True)[:LONG_VALUES]
    rest = {key: value for key, value in event.items() if key not in longest}
    if sum(len(key) + len(texts[key]) for key in rest) > LONGEST_LINE_BYTES // 4:
        rest = {key: value for key, value in rest.items() if key in ALWAYS_KEPT}
    line = b""
    for most in CUTS:
        cut = {key: ascii(texts[key].decode())[1 : most + 1] for key in longest}
        line = dumped({**rest, **cut, "shortened": True})
        if len(line) < LONGEST_LINE_BYTES:
            break
    return line


def render_for_people(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """`12:00:00.000 INFO  gateway           request  key=value …`, a traceback below it when there is one."""
    time = event.pop("timestamp")[11:23]
    level = event.pop("level").upper()
    service, message = event.pop("service"), event.pop("event")
    exc_info = event.pop("exc_info", None)
    values = " ".join(f"{key}={value}" for key, value in event.items())
    line = f"{time} {level:<7} {service:<18} {message}  {values}".rstrip()
    if exc_info:
        line += "\n" + traceback_text(exc_info)
    return line if len(line) < LONGEST_LINE_BYTES // 4 else cut_in_the_middle(line)


def cut_in_the_middle(line: str) -> str:
    """The line, or so much of both its ends as may be written at once: what was raised comes last."""
    content = line.encode("utf-8", "backslashreplace")
    if len(content) < LONGEST_LINE_BYTES:
        return line
    half = LONGEST_LINE_BYTES // 2 - 16
    return content[:half].decode(errors="ignore") + " [cut] " + content[-half:].decode(errors="ignore")


def traceback_text(exc_info: Any) -> str:
    """The traceback of `exc_info`, which may be True (the current exception), an exception or a triple."""
    formatter = structlog.processors.ExceptionRenderer()
    return str(formatter(None, "error", {"exc_info": exc_info}).get("exception", ""))
