"""An HTTP proxy that keeps which addresses it was asked for, and hands on what they answer."""

import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

HOP_BY_HOP = {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding"}


class ForwardProxy:
    """`with` it listens; `asked` are the URLs."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                proxy.asked.append(self.path)
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                sent = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
                request = urllib.request.Request(self.path, body, sent | {"Accept-Encoding": "identity"}, method="POST")  # noqa: S310
                direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                try:
                    with direct.open(request, timeout=10) as answer:
                        self.hand_on(answer.status, dict(answer.headers), answer.read())
                except urllib.error.HTTPError as answer:
                    self.hand_on(answer.code, dict(answer.headers), answer.read())

            def hand_on(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
