"""POSTs as clients send them that nobody here wrote. Each returns status and body, whatever the status."""

import asyncio
import http.client
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import httpx
import requests

from shared.testing.debian import debian_program

CLIENTS = Path(__file__).parent / "clients"
JSON = {"Content-Type": "application/json"}
PATIENCE_SECONDS = 60
PIECE_BYTES = 65_536

Post = Callable[[str, Path], tuple[int, str]]
"""POSTs a file as JSON to a URL."""


def curl(*options: str) -> Post:
    """Debian's curl."""

    def post(url: str, file: Path) -> tuple[int, str]:
        command = [debian_program("curl", "curl"), "--silent", "--show-error", *options]
        command += ["--header", "Content-Type: application/json", "--data-binary", f"@{file}"]
        command += ["--write-out", " %{http_code}"]
        body, _, status = run([*command, url]).rpartition(" ")
        return int(status), body

    return post


def java(url: str, file: Path) -> tuple[int, str]:
    """java.net.http.HttpClient, which offers h2c."""
    return parted(run([debian_program("java", "openjdk-17-jdk-headless"), str(CLIENTS / "Post.java"), url, str(file)]))


def node(*options: str) -> Post:
    """Node's fetch (undici)."""

    def post(url: str, file: Path) -> tuple[int, str]:
        return parted(run([debian_program("node", "nodejs"), str(CLIENTS / "post.mjs"), url, str(file), *options]))

    return post


def by_http_client(url: str, file: Path) -> tuple[int, str]:
    """Python's own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE_SECONDS)
    try:
        connection.request("POST", parts.path, file.read_bytes(), JSON)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def by_requests(url: str, file: Path) -> tuple[int, str]:
    """Requests."""
    response = requests.post(url, data=file.read_bytes(), headers=JSON, timeout=PATIENCE_SECONDS)
    return response.status_code, response.text


def by_requests_in_chunks(url: str, file: Path) -> tuple[int, str]:
    """requests, with a body whose length it does not know."""
    response = requests.post(url, data=pieces(file), headers=JSON, timeout=PATIENCE_SECONDS)
    return response.status_code, response.text


def by_httpx(url: str, file: Path) -> tuple[int, str]:
    """Httpx."""
    response = httpx.post(url, content=file.read_bytes(), headers=JSON, timeout=PATIENCE_SECONDS)
    return response.status_code, response.text


def by_aiohttp(url: str, file: Path) -> tuple[int, str]:
    """Aiohttp's client."""

    async def post(body: bytes) -> tuple[int, str]:
        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=body, headers=JSON) as response,
        ):
            return response.status, await response.text()

    return asyncio.run(post(file.read_bytes()))


def pieces(file: Path) -> Iterator[bytes]:
    """The content of a file, piece by piece."""
    with file.open("rb") as opened:
        while piece := opened.read(PIECE_BYTES):
            yield piece


def run(command: list[str]) -> str:
    """What a program prints. Raises RuntimeError with its complaint when it fails."""
    finished = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    if finished.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {finished.returncode}: {finished.stderr}")
    return finished.stdout


def parted(printed: str) -> tuple[int, str]:
    """Status and body, as our own little programs print them."""
    status, _, body = printed.partition(" ")
    return int(status), body


FOREIGN_CLIENTS: dict[str, Post] = {
    "curl": curl("--http1.1"),
    "curl --http2": curl("--http2"),
    "curl, HTTP/1.0": curl("--http1.0"),
    "curl, Expect": curl("--http1.1", "--header", "Expect: 100-continue"),
    "curl, chunked": curl("--http1.1", "--header", "Transfer-Encoding: chunked"),
    "Java": java,
    "Node": node(),
    "Node, streaming": node("stream"),
    "http.client": by_http_client,
    "requests": by_requests,
    "requests, chunked": by_requests_in_chunks,
    "httpx": by_httpx,
    "aiohttp": by_aiohttp,
}

GO = (
    b"POST %b HTTP/1.1\r\nHost: %b\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: %d\r\n"
    b"Content-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n%b"
)
"""What `http.Post` of Go's net/http sends, recorded: target, host, length, body."""

GO_CHUNKED = (
    b"POST %b HTTP/1.1\r\nHost: %b\r\nUser-Agent: Go-http-client/1.1\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Type: application/json\r\nTrailer: X-Checksum\r\nAccept-Encoding: gzip\r\n\r\n"
    b"%x\r\n%b\r\n0\r\nX-Checksum: 1\r\n\r\n"
)
"""The same of a body without a length and with a trailer."""
