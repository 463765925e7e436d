"""`make run` waits for a health answer that it can read; what else is answered there is no reason to fall."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local import health
from local.errors import CannotRunError
from local.settings import LocalSettings

OK = b'{"status": "ok", "version": "1", "services": {}}'


class Answers(BaseHTTPRequestHandler):
    """Gives what is in `bodies`, one after the other, and the last one for ever."""

    bodies: list[tuple[int, bytes]]

    def do_GET(self) -> None:
        status, body = self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0]
        if status == 0:
            self.wfile.write(body)
            self.close_connection = True
            return
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Nothing."""


@pytest.fixture
def answering() -> Iterator[Callable[..., LocalSettings]]:
    servers = []

    def start(*bodies: tuple[int, bytes]) -> LocalSettings:
        handler = type("Handler", (Answers,), {"bodies": list(bodies)})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return LocalSettings(_env_file=None, port=server.server_port, telemetry_port=0, store_port=1)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "unreadable",
    [
        (200, b""), (200, b"<html>"), (200, b"\xff\xfe"), (200, b"[]"), (200, b"null"), (200, b"\"ok\""), (200, b"{}"),
        (200, b'{"status": "ok"}'), (200, b'{"status": "fine", "version": "1", "services": {}}'),
        (200, b'{"status": "ok", "version": "1", "services": {"a": null}}'), (200, b"[" * 200_000),
        (200, b" " * (5 << 20)), (503, b"<html>"), (503, b""), (503, b"\x80"), (404, b"{}"), (500, b"oops"),
        (0, b"no http\r\n\r\n"), (0, b""), (0, b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_no_answer_yet(
    answering: Callable[..., LocalSettings], unreadable: tuple[int, bytes]
) -> None:
    settings = answering(unreadable, unreadable, (200, OK))
    assert health.wait_until_started(settings, lambda: None) == []


def test_after_a_minute_it_says_so(answering: Callable[..., LocalSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "START_SECONDS", 0.5)
    with pytest.raises(CannotRunError, match=r"not healthy after 0\.5 s: no answer"):
        health.wait_until_started(answering((200, b"<html>")), lambda: None)


def test_what_is_not_well_is_told(answering: Callable[..., LocalSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SETTLED_SECONDS", 0.2)
    part = {"redis": {"status": "down", "detail": "gone"}}
    service = {"service": "a", "version": "1", "status": "degraded", "components": part}
    body = {"status": "degraded", "version": "1", "services": {"a": service}}
    assert health.wait_until_started(answering((200, json.dumps(body).encode())), lambda: None) == ["a, redis: gone"]


def state_of_a_part(**state: object) -> bytes:
    service = {"service": "a", "version": "1", "status": "down", "components": {"models": {"status": "down"} | state}}
    return json.dumps({"status": "down", "version": "1", "services": {"a": service}}).encode()


def test_what_is_still_starting_is_waited_for(
    answering: Callable[..., LocalSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "SETTLED_SECONDS", 0.0)
    starting = (503, state_of_a_part(detail="is being tried", is_starting=True))
    assert health.wait_until_started(answering(*[starting] * 5, (200, OK)), lambda: None) == []
    lost = (503, state_of_a_part(detail="is broken"))
    assert health.wait_until_started(answering(starting, lost), lambda: None) == ["a, models: is broken"]


def test_but_not_for_ever_and_the_rest_goes_on(
    answering: Callable[..., LocalSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "START_SECONDS", 0.5)
    starting = (503, state_of_a_part(detail="is being tried", is_starting=True))
    assert health.wait_until_started(answering(starting), lambda: None) == ["a, models: is being tried"]
