"""One readable log: lines of supervisord, Postgres and Valkey get the shape of the services' own lines."""

import re
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

SHAPES = (
    ("supervisor", re.compile(r"\S+ (?P<time>[\d:]+),(?P<ms>\d+) (?P<level>\w+) (?P<text>.*)")),
    ("postgres", re.compile(r"\S+ (?P<time>[\d:]+)\.(?P<ms>\d+) UTC postgres (?P<level>\w+):\s+(?P<text>.*)")),
    ("redis", re.compile(r"\d+:\w \d+ \w+ \d{4} (?P<time>[\d:]+)\.(?P<ms>\d+) (?P<level>[.\-*#]) (?P<text>.*)")),
)
LEVELS = {
    "LOG": "INFO",
    "WARN": "WARNING",
    "CRIT": "ERROR",
    "FATAL": "ERROR",
    "PANIC": "ERROR",
    ".": "DEBUG",
    "-": "DEBUG",
    "*": "INFO",
    "#": "WARNING",
}
NOISE = (
    "Supervisor is running as root",
    "supervisord started with pid",
    "RPC interface",
    "Unlinking stale",
    "received SIG",
    "entered RUNNING state",
)
"""Lines that tell a user of this stack nothing."""


NOT_YET = re.compile(
    "the database system is (starting up|shutting down|not (yet )?accepting connections|in recovery mode)"
)
"""What Postgres says to whom it cannot serve at the moment, as FATAL: that connection's end, no fault of anything."""

FATAL = ("FATAL", "PANIC")
"""Of Postgres: the end of a connection, or of the server."""

ENDED = re.compile(r"exited: (?P<program>\S+) \((?P<how>.*)\)")
"""supervisord's word for a program that has ended by itself."""


class Line(NamedTuple):
    """A line of the log."""

    program: str
    """Empty for a service, whose lines have their shape already."""
    level: str
    """In the program's own word."""
    text: str
    shown: str
    """`12:00:00.000 INFO    postgres           text`."""


class LogStream:
    """The log of supervisord and its programs, and what it says of their end."""

    def __init__(self) -> None:
        self.ended: dict[str, str] = {}
        """Program → why it has ended at least once: its own last word, else how. Written by `relay` alone."""
        self._last_word: dict[str, str] = {}
        self._thread: threading.Thread | None = None

    def follow(self, lines: Iterable[str]) -> None:
        """Relays in a thread of its own."""
        self._thread = threading.Thread(target=self.relay, args=(lines,), daemon=True)
        self._thread.start()

    def wait_for_the_end(self, seconds: float) -> None:
        """Until the last line is written, if it is by then."""
        if self._thread is not None:
            self._thread.join(seconds)

    def relay(self, lines: Iterable[str]) -> None:
        """Writes every line to standard output until the stream ends; what cannot be written is lost.

        The stream is read to its end in any case: a supervisord whose lines nobody takes stands still when it writes.
        """
        for text in lines:
            line = shaped(text.rstrip("\n"))
            self._note(line)
            if not any(noise in text for noise in NOISE):
                with suppress(OSError):  # as in `make run | head`, or on a disk that is full for now
                    sys.stdout.write(line.shown + "\n")
                    sys.stdout.flush()

    def _note(self, line: Line) -> None:
        if line.level in FATAL:
            self._last_word[line.program] = line.text
        elif line.program == "supervisor" and (match := ENDED.search(line.text)):
            self.ended[match["program"]] = self._last_word.get(match["program"], match["how"])


def shaped(text: str) -> Line:
    """A line as it is shown; one of unknown shape stays as it is."""
    for name, shape in SHAPES:
        if match := shape.fullmatch(text):
            level = "LOG" if NOT_YET.fullmatch(match["text"]) else match["level"]
            shown = f"{match['time']}.{match['ms']} {LEVELS.get(level, level):<7} {name:<18} {match['text']}"
            return Line(name, level, match["text"], shown)
    return Line("", "", text, text)
