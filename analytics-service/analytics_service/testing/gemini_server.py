"""Gemini's wire format, spoken by a real HTTP server in a thread: answers, and every way in which it can fail.

with GeminiServer() as gemini:
    gemini.will(error(503), report(summary="All is well."))  # the last reply is given for ever
    …  # a service with GEMINI_API_ENDPOINT=gemini.url
    assert len(gemini.calls) == 2
"""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"

ENUMS = {"STOP": 1, "SAFETY": 3}
"""Finish reasons by number, for clients that ask for `enum-encoding=int`."""

BLOCK_REASONS = {"SAFETY": 1}

USAGE = {"promptTokenCount": 640, "candidatesTokenCount": 160, "totalTokenCount": 800}

REPORT: dict[str, Any] = {
    "summary": "Confidence and latency are within their thresholds.",
    "identified_issues": [
        {"issue_type": "label_shift", "severity": "low", "description": "More neutral labels than in the hour before."}
    ],
    "recommendations": ["Watch the share of neutral labels over the next hours."],
    "root_cause_hypothesis": "Another kind of caller joined.",
    "confidence_score": 0.8,
}
"""Findings as Gemini writes them into its answer's text."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server does with one call."""

    body: bytes = b""
    status: int = HTTPStatus.OK
    delay_seconds: float = 0
    """How long the caller waits for the first byte."""
    sent: int | None = None
    """How many bytes of the body go out before the connection is cut; None: all, and it stays open."""
    head_sent: bool = True
    """False: the connection is cut without a word."""

    def after(self, seconds: float) -> "Reply":
        """The same, later."""
        return replace(self, delay_seconds=seconds)


def answer(text: str) -> Reply:
    """An answer whose text is `text`, whatever that is."""
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}
    return message({"candidates": [candidate], "usageMetadata": USAGE})


def report(**changes: Any) -> Reply:
    """A usable report; `changes` replace parts of REPORT."""
    return answer(json.dumps(REPORT | changes))


def not_json() -> Reply:
    """An answer whose text is prose."""
    return answer("I would rather not say that in JSON.")


def wrong_shape() -> Reply:
    """An answer whose text is JSON, but no report."""
    return answer(json.dumps({"verdict": "fine", "score": 11}))


def blocked() -> Reply:
    """No answer: the prompt was refused."""
    return message({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": USAGE})


def withheld() -> Reply:
    """No answer: what the model said was withheld."""
    return message({"candidates": [{"finishReason": "SAFETY", "index": 0}], "usageMetadata": USAGE})


def error(status: int, details: list[Mapping[str, Any]] | None = None) -> Reply:
    """An error in Google's form."""
    content = {"code": status, "message": HTTPStatus(status).phrase, "status": "ERROR", "details": details or []}
    return message({"error": content}, status)


def rate_limited(retry_delay: str | None = None) -> Reply:
    """429, with or without a `retryDelay` such as `17s`."""
    return error(429, [{"@type": RETRY_INFO, "retryDelay": retry_delay}] if retry_delay else None)


def garbage() -> Reply:
    """200 with a body that is no JSON at all."""
    return Reply(b'{"candidates": [{"content": {"parts": [{"text": "')


def half_body() -> Reply:
    """A report of which half arrives before the connection is cut."""
    whole = report()
    return replace(whole, sent=len(whole.body) // 2)


def cut() -> Reply:
    """The connection is cut before any answer."""
    return Reply(head_sent=False)


def message(content: Mapping[str, Any], status: int = HTTPStatus.OK) -> Reply:
    """A reply with a JSON body."""
    return Reply(json.dumps(content).encode(), status)


@dataclass(frozen=True, slots=True)
class Call:
    """One call that arrived."""

    at: float
    """When, in seconds of `time.monotonic`."""
    model: str
    key: str | None
    body: dict[str, Any] = field(repr=False)

    @property
    def prompt(self) -> str:
        """The text of the question."""
        return "".join(part["text"] for content in self.body["contents"] for part in content["parts"])


class GeminiServer:
    """Listens on a free port of 127.0.0.1 within a `with` block.

    `calls` and `replies` are changed under `lock`: each connection has a thread of its own.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.calls: list[Call] = []
        self.replies: list[Reply] = [report()]
        self.stopping = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.http.daemon_threads = True
        self.http.block_on_close = False

    @property
    def url(self) -> str:
        """What GEMINI_API_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self.http.server_port}"

    def will(self, *replies: Reply) -> None:
        """How the coming calls are answered, in order; the last reply is given for ever."""
        with self.lock:
            self.replies = list(replies)

    def forget(self) -> None:
        """As if no call had arrived yet."""
        with self.lock:
            self.calls.clear()

    def take(self, call: Call) -> Reply:
        """Writes a call down and chooses its reply."""
        with self.lock:
            self.calls.append(call)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """The class that serves one connection of this server."""
        gemini = self

        class Connection(GeminiConnection):
            server_state = gemini

        return Connection

    def __enter__(self) -> Self:
        threading.Thread(target=self.http.serve_forever, args=(0.05,), name="gemini-server", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stopping.set()
        self.http.shutdown()
        self.http.server_close()


class GeminiConnection(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_state: GeminiServer

    def do_POST(self) -> None:
        """`/v1beta/models/{model}:generateContent`; anything else is Google's 404."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path, _, query = self.path.partition("?")
        model, _, method = path.removeprefix("/v1beta/models/").partition(":")
        if method != "generateContent":
            self.reply(error(404))
            return
        call = Call(time.monotonic(), unquote(model), self.headers["x-goog-api-key"], body)
        reply = self.server_state.take(call)
        self.server_state.stopping.wait(reply.delay_seconds)
        self.reply(with_numbers(reply) if "enum-encoding=int" in unquote(query) else reply)

    def reply(self, reply: Reply) -> None:
        """Sends what there is to send; a caller that has left meanwhile is no matter."""
        self.close_connection = not reply.head_sent or reply.sent is not None
        if not reply.head_sent:
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(reply.body)))
        try:
            self.end_headers()
            self.wfile.write(reply.body[: reply.sent])
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """No log: tests look at `calls`."""


def with_numbers(reply: Reply) -> Reply:
    """The reply with enums as numbers."""
    try:
        content = json.loads(reply.body)
    except ValueError:
        return reply
    for candidate in content.get("candidates", ()):
        candidate["finishReason"] = ENUMS[candidate["finishReason"]]
    if feedback := content.get("promptFeedback"):
        feedback["blockReason"] = BLOCK_REASONS[feedback["blockReason"]]
    numbered = json.dumps(content).encode()
    return replace(reply, body=numbered, sent=None if reply.sent is None else len(numbered) // 2)
