"""A webhook receiver that can keep a sender waiting for its answer."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import orjson


class Receiver:
    """`with` it listens. While `gate` is not set, what arrives is kept and answered later."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []
        """Id, type and time of each event, as often as it came."""
        self.gate = threading.Event()
        self.gate.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
                receiver.events.append((self.headers["webhook-id"], body["type"], body["data"]["signal"]))
                receiver.gate.wait(60)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
