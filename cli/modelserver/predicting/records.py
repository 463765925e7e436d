"""Where a row of CSV ends: by the rules of the server, which counts rows as they are counted here.

A quote where none may be costs its own line and no other, unlike in Python's `csv`, which reads on to the next quote.
"""

import re
from collections.abc import Iterator

from modelserver.errors import UsageError

MAX_RECORD_BYTES = 1_048_576
"""Of one row: what the server takes."""


class TooLongError(UsageError):
    """A row that no server takes; the rows before it are answered."""


class CsvRecords:
    """Takes bytes, gives records with their line ends. Blank lines are none."""

    def __init__(self, delimiter: bytes = b",") -> None:
        mark = re.escape(delimiter)
        quoted, plain = rb'"[^"]*+(?:""[^"]*+)*+"', rb'[^"\r\n' + mark + rb"]*+"
        cell = rb"(?:" + quoted + rb"|" + plain + rb")"
        self._record = re.compile(cell + rb"(?:" + mark + cell + rb")*+\r?\n")
        self._beginning = re.compile(
            rb"(?:" + cell + mark + rb")*+(?:" + quoted + rb'|"[^"]*+(?:""[^"]*+)*+|' + plain + rb")\r?\Z"
        )
        self._cells = re.compile(rb'(?:"([^"]*+(?:""[^"]*+)*+)"|([^"' + mark + rb"]*+))" + mark)
        self._delimiter = delimiter
        self._waiting = b""

    def feed(self, data: bytes, *, last: bool = False) -> Iterator[bytes]:
        """The records that are complete now. Raises TooLongError."""
        waiting, at = self._waiting + data, 0
        if last and waiting and not waiting.endswith(b"\n"):
            waiting += b"\n"
        try:
            while end := self._end(waiting, at, last=last):
                line, at = waiting[at:end], end
                if line.strip(b"\r\n"):
                    yield line
        finally:
            self._waiting = waiting[at:]
        if len(self._waiting) > MAX_RECORD_BYTES:
            raise TooLongError(f"is longer than {MAX_RECORD_BYTES} bytes; is a quote not closed?")

    def _end(self, waiting: bytes, at: int, *, last: bool) -> int:
        """Behind the next record; 0: there is none yet. Raises TooLongError."""
        end = waiting.find(b"\n", at) + 1
        if end and waiting.find(b'"', at, end) >= 0:
            record = self._record.match(waiting, at)
            if record is not None:
                end = record.end()
            elif not last and self._beginning.match(waiting, at) is not None:
                return 0
        if end - at > MAX_RECORD_BYTES:
            raise TooLongError(f"is longer than {MAX_RECORD_BYTES} bytes; is a quote not closed?")
        return end

    def cells(self, record: bytes) -> list[bytes] | None:
        """Its cells; None: it is not valid."""
        if b'"' in record and self._record.fullmatch(record) is None:
            return None
        text = record.removesuffix(b"\n").removesuffix(b"\r")
        if b'"' not in text:
            return None if b"\r" in text else text.split(self._delimiter)
        found = self._cells.findall(text + self._delimiter)
        return [quoted.replace(b'""', b'"') or plain for quoted, plain in found]


def csv_line(cells: list[bytes]) -> bytes:
    """One record as the server reads it."""
    return b",".join([quoted(cell) for cell in cells]) + b"\r\n"


def quoted(cell: bytes) -> bytes:
    """A cell; quotes where RFC 4180 wants them."""
    if b'"' in cell:
        return b'"' + cell.replace(b'"', b'""') + b'"'
    return b'"' + cell + b'"' if b"," in cell or b"\n" in cell or b"\r" in cell else cell
