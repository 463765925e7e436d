"""A package index on loopback, and wheels of a few lines to fill it with."""

import base64
import hashlib
import http.server
import ssl
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit


def make_wheel(folder: Path, name: str, version: str, *, needs: tuple[str, ...] = (), extra: str = "",
               tag: str = "py3-none-any") -> Path:  # fmt: skip
    """A package of one module that knows its version. `extra` is one that needs nothing."""
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Provides-Extra: {extra}"] * bool(extra)
    metadata += [f"Requires-Dist: {need}" for need in needs]
    files = {
        f"{name}.py": f"version = {version!r}\n",
        f"{name}-{version}.dist-info/METADATA": "\n".join(metadata) + "\n",
        f"{name}-{version}.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = f"{name}-{version}.dist-info/RECORD"
    files[record] = "".join(f"{file},{digest(text)},{len(text)}\n" for file, text in files.items()) + f"{record},,\n"
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return wheel


def digest(text: str) -> str:
    value = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return "sha256=" + value.decode().rstrip("=")


def pinned(*wheels: Path, extras: dict[str, str] | None = None) -> str:
    """What a pinned file says of these wheels."""
    lines = []
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        extra = (extras or {}).get(name, "")
        lines.append(
            f"{name}{extra}=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
        )
    return "".join(lines)


class PackageIndex:
    """What PEP 503 asks of an index, over the files of a folder; it also answers as a proxy."""

    def __init__(self, folder: Path, certificate: Path | None = None) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.holds: str | None = None
        """A file whose name begins with this is not handed out, but waited for."""
        self.is_asked_for_it, self.may_go_on = threading.Event(), threading.Event()
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = unquote(urlsplit(self.path).path)
                index.asked.append(self.path)
                index.answer(self, [part for part in path.split("/") if part])

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}/simple"

    def answer(self, handler: http.server.BaseHTTPRequestHandler, parts: list[str]) -> None:
        if parts[:1] == ["simple"] and len(parts) == 2:
            files = [
                file for file in sorted(self.folder.iterdir()) if file.name.split("-")[0].replace("_", "-") == parts[1]
            ]
            links = [f'<a href="/files/{file.name}#sha256={sha256(file)}">{file.name}</a>' for file in files]
            reply(handler, 200 if files else 404, f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode())
        elif parts[:1] == ["files"] and (self.folder / parts[1]).exists():
            if self.holds and parts[1].startswith(self.holds):
                self.is_asked_for_it.set()
                self.may_go_on.wait(60)
            reply(handler, 200, (self.folder / parts[1]).read_bytes())
        else:
            reply(handler, 404, b"")

    @contextmanager
    def serving(self) -> Iterator["PackageIndex"]:
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.may_go_on.set()
            self.server.shutdown()
            self.server.server_close()
            thread.join()


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def reply(handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    kind = "text/html" if body.startswith(b"<!DOCTYPE") else "application/octet-stream"
    try:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
    except OSError:
        handler.close_connection = True  # who asked was killed
