"""A server that speaks Gemini's REST format and fails in every way that Gemini and the network can.

with GeminiEmulator() as gemini:
    gemini.behave(failing(503), reporting())   # the last behaviour goes on
    ...                                        # the service, with GEMINI_API_ENDPOINT=gemini.url
    assert len(gemini.calls) == 2
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from analytics_service.testing.local_server import LocalServer

FINDINGS: dict[str, Any] = {
    "summary": "Confidence is low and falling.",
    "identified_issues": [
        {
            "issue_type": "low_confidence",
            "severity": "high",
            "description": "Average confidence is below the threshold.",
        }
    ],
    "recommendations": ["Compare recent inputs with the training data."],
    "root_cause_hypothesis": "The inputs have changed.",
    "confidence_score": 0.7,
}
"""What a well-behaved Gemini says here."""

FINISH_REASONS = {
    "FINISH_REASON_UNSPECIFIED": 0, "STOP": 1, "MAX_TOKENS": 2, "SAFETY": 3, "RECITATION": 4, "OTHER": 5, "LANGUAGE": 6,
    "BLOCKLIST": 7, "PROHIBITED_CONTENT": 8, "SPII": 9, "MALFORMED_FUNCTION_CALL": 10, "IMAGE_SAFETY": 11,
}  # fmt: skip
BLOCK_REASONS = {
    "BLOCK_REASON_UNSPECIFIED": 0, "SAFETY": 1, "OTHER": 2, "BLOCKLIST": 3, "PROHIBITED_CONTENT": 4, "IMAGE_SAFETY": 5,
}  # fmt: skip
"""`google-generativeai` asks for enums as numbers, `google-genai` takes them as names."""

UNNAMED = 64
"""A number for whatever has no name yet among those that the client of numbers knows."""


@dataclass(frozen=True)
class Call:
    """A request that arrived."""

    at: float
    """By `time.monotonic`."""
    path: str
    key: str | None
    body: dict[str, Any]

    @property
    def prompt(self) -> str:
        """The text that was sent."""
        return str(self.body["contents"][0]["parts"][0]["text"])


class Exchange(BaseHTTPRequestHandler):
    """One request and the means to respond, well or badly."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    emulator: "GeminiEmulator"

    def do_POST(self) -> None:
        """Takes a call down and lets the behaviour whose turn it is respond."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        call = Call(time.monotonic(), self.path, self.headers.get("x-goog-api-key"), body)
        self.emulator.next_behaviour(call)(self)

    def respond(
        self, status: int, body: bytes, length: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """A response; `length` says what Content-Length claims."""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json; charset=UTF-8", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def cut(self) -> None:
        """Ends the connection in the middle of whatever was going on."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def enum(self, names: dict[str, int], name: str) -> str | int:
        """An enum's value in the form that the client asked for."""
        return names.get(name, UNNAMED) if "enum-encoding" in self.path else name

    def log_message(self, *_: object) -> None:
        """Says nothing."""


Behaviour = Callable[[Exchange], None]
"""How a call is responded to."""


class GeminiEmulator(LocalServer):
    """Behaves as told, one behaviour after the other; the last goes on. `calls` are those that arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.behaviours: list[Behaviour] = [reporting()]
        self.lock = threading.Lock()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Exchanges that know their emulator."""
        return type("Exchange", (Exchange,), {"emulator": self})

    def behave(self, *behaviours: Behaviour) -> None:
        """From now on, one after the other; the last goes on."""
        with self.lock:
            self.behaviours = list(behaviours)

    def next_behaviour(self, call: Call) -> Behaviour:
        """Takes the call down; the behaviour whose turn it is."""
        with self.lock:
            self.calls.append(call)
            return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]


def reporting(findings: dict[str, Any] | None = None) -> Behaviour:
    """A good report."""
    return saying(json.dumps(findings or FINDINGS))


def saying(text: str, finish: str = "STOP") -> Behaviour:
    """A well-formed response with this text, whatever it is."""

    def behave(exchange: Exchange) -> None:
        exchange.respond(200, response_body(exchange, text, finish))

    return behave


def response_body(exchange: Exchange, text: str, finish: str = "STOP") -> bytes:
    """A response in the wire format."""
    candidate = {
        "content": {"role": "model", "parts": [{"text": text}]},
        "finishReason": exchange.enum(FINISH_REASONS, finish),
    }
    usage = {"promptTokenCount": 400, "candidatesTokenCount": 120, "totalTokenCount": 520}
    return json.dumps({"candidates": [candidate], "usageMetadata": usage}).encode()


def recorded(
    body: dict[str, Any] | list[Any] | bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> Behaviour:
    """A response as it was seen on the wire, its enums by name."""

    def behave(exchange: Exchange) -> None:
        content = body if isinstance(body, bytes) else json.dumps(encoded(exchange, body)).encode()
        exchange.respond(status, content, headers=headers)

    return behave


def encoded(exchange: Exchange, value: Any) -> Any:
    """The same with the enums in the form that the client asked for."""
    enums = {"finishReason": FINISH_REASONS, "blockReason": BLOCK_REASONS}
    if isinstance(value, dict):
        return {
            name: exchange.enum(enums[name], inner)
            if name in enums and isinstance(inner, str)
            else encoded(exchange, inner)
            for name, inner in value.items()
        }
    return [encoded(exchange, inner) for inner in value] if isinstance(value, list) else value


def slow(seconds: float, then: Behaviour | None = None) -> Behaviour:
    """Nothing for so long, then a response, if somebody still waits."""

    def behave(exchange: Exchange) -> None:
        time.sleep(seconds)
        (then or reporting())(exchange)

    return behave


def failing(status: int, name: str = "INTERNAL", details: list[dict[str, Any]] | None = None) -> Behaviour:
    """An error in the wire format."""
    error = {"code": status, "message": f"emulated {status}", "status": name, "details": details or []}

    def behave(exchange: Exchange) -> None:
        exchange.respond(status, json.dumps({"error": error}).encode())

    return behave


def rate_limited(retry_delay: str | None = None) -> Behaviour:
    """429, with a RetryInfo (`17s`) or without."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": retry_delay}
    return failing(429, "RESOURCE_EXHAUSTED", [info] if retry_delay else [])


def blocked(exchange: Exchange) -> None:
    """No candidate: the prompt was blocked."""
    reason = exchange.enum(BLOCK_REASONS, "SAFETY")
    exchange.respond(200, json.dumps({"promptFeedback": {"blockReason": reason}}).encode())


def stopped_for_safety(exchange: Exchange) -> None:
    """A candidate without text: it was blocked."""
    candidate = {"finishReason": exchange.enum(FINISH_REASONS, "SAFETY")}
    exchange.respond(200, json.dumps({"candidates": [candidate]}).encode())


def cutting(exchange: Exchange) -> None:
    """Ends the connection without a response."""
    exchange.cut()


def half_body(exchange: Exchange) -> None:
    """Promises a whole response, sends half of it, and ends the connection."""
    body = response_body(exchange, json.dumps(FINDINGS))
    exchange.respond(200, body[: len(body) // 2], length=len(body))
    exchange.cut()


def broken_envelope(exchange: Exchange) -> None:
    """200, and a body that is no JSON."""
    exchange.respond(200, b'{"candidates": [{"content": ')


def html_error(exchange: Exchange) -> None:
    """What a proxy on the way says: 502 and HTML."""
    exchange.respond(502, b"<html><body>Bad Gateway</body></html>")
