"""One readable log: lines of supervisord, Postgres and Valkey get the shape of the services' own lines."""

import re
import sys
from collections.abc import Iterable

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


def relay(lines: Iterable[str]) -> None:
    """Writes every line to standard output until the stream ends."""
    for line in lines:
        if not any(noise in line for noise in NOISE):
            sys.stdout.write(reshape(line.rstrip("\n")) + "\n")
            sys.stdout.flush()


def reshape(line: str) -> str:
    """`12:00:00.000 INFO    postgres           text`; a line of unknown shape stays as it is."""
    for name, shape in SHAPES:
        if match := shape.fullmatch(line):
            level = LEVELS.get(match["level"], match["level"])
            return f"{match['time']}.{match['ms']} {level:<7} {name:<18} {match['text']}"
    return line
