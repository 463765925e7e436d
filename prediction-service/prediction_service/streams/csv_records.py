"""Where a record of CSV ends, and what its cells are: RFC 4180, record by record, from bytes that come in pieces.

A quote where none may be costs its own line and no other, which is why this is not Python's `csv`: that reads on to the
next quote, or to the end.
"""

import re
from typing import NamedTuple

from prediction_service.streams.row import MAX_RECORD_BYTES, StreamFault

QUOTED = rb'"[^"]*+(?:""[^"]*+)*+"'
PLAIN = rb'[^",\r\n]*+'
CELL = rb"(?:" + QUOTED + rb"|" + PLAIN + rb")"

RECORD = re.compile(CELL + rb"(?:," + CELL + rb")*+\r?\n")
BEGINNING = re.compile(rb"(?:" + CELL + rb",)*+(?:" + QUOTED + rb'|"[^"]*+(?:""[^"]*+)*+|' + PLAIN + rb")\r?\Z")
"""What may become a record when more comes."""

CELLS = re.compile(r'(?:"([^"]*+(?:""[^"]*+)*+)"|([^",]*+)),')

ALWAYS_LOOKED_AT = 65_536
"""An unfinished record up to this size is looked at again with every piece; a longer one when it has grown by an
eighth, so that tiny pieces cannot make the looking cost more than the reading."""

BAD_QUOTES = "is not valid CSV: a quote stands where none may be, or a bare carriage return"


class Record(NamedTuple):
    """One record: its cells, or what is wrong with it."""

    size: int
    """In bytes, as it was sent."""
    cells: list[str]
    fault: str = ""


class CsvRecords:
    """Takes bytes, gives records. Blank lines are none."""

    def __init__(self) -> None:
        self._waiting, self._at, self._last = b"", 0, False
        self._next_look = 0

    def feed(self, data: bytes, *, last: bool) -> None:
        """More bytes; the last line may lack its end."""
        self._waiting, self._at = self._waiting[self._at :] + data, 0
        if last and self._waiting and not self._waiting.endswith(b"\n"):
            self._waiting += b"\n"
        self._last = last

    def take(self) -> Record | None:
        """The next record; None: more has to come. Raises StreamFault for one that is too long."""
        while True:
            line = self._next()
            if line is None:
                return None
            if line.strip(b"\r\n"):
                return parsed(line)

    def _next(self) -> bytes | None:
        waiting, at = self._waiting, self._at
        left = len(waiting) - at
        if not left or (left < self._next_look and not self._last):
            return None
        end = waiting.find(b"\n", at) + 1
        if end and waiting.find(b'"', at, end) >= 0:
            record = RECORD.match(waiting, at)
            if record is not None:
                end = record.end()
            elif not self._last and BEGINNING.match(waiting, at) is not None:
                end = 0
        if end - at > MAX_RECORD_BYTES or (not end and left > MAX_RECORD_BYTES):
            raise StreamFault(f"is longer than {MAX_RECORD_BYTES} bytes; is a quote not closed?")
        if not end:
            self._next_look = left + left // 8 if left > ALWAYS_LOOKED_AT else 0
            return None
        self._at, self._next_look = end, 0
        return waiting[at:end]


def parsed(line: bytes) -> Record:
    """A record of its bytes."""
    size = len(line)
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        return Record(size, [], f"is not UTF-8: see its byte {error.start}")
    text = text.removesuffix("\n").removesuffix("\r")
    if '"' not in text:
        if "\r" in text:
            return Record(size, [], BAD_QUOTES)
        return Record(size, text.split(","))
    if RECORD.fullmatch(line) is None:
        return Record(size, [], BAD_QUOTES)
    return Record(size, [quoted.replace('""', '"') or plain for quoted, plain in CELLS.findall(text + ",")])
