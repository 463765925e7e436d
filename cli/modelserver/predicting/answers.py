"""Lines of the response on their way to the output: whole ones, numbered over all requests."""

import csv
import json
from dataclasses import dataclass
from typing import Protocol

from modelserver.errors import CommandError

STREAM_ENDS = "The stream ends: "
"""What the error of a CSV's last line begins with where the server could still say why it broke off."""

CRLF = b"\r\n"


class StrangeAnswerError(CommandError):
    """What came is not what the contract of streams says."""


@dataclass(slots=True)
class Tally:
    """How far it is: rows with a line in the output, those of them with an error, and the first of these."""

    rows: int = 0
    failed: int = 0
    first_error: str = ""

    def count(self, row: int, error: str) -> None:
        """One more line. Raises StrangeAnswerError for a row that is not the next one."""
        if row != self.rows + 1:
            raise StrangeAnswerError(f"the server answered row {row} where row {self.rows + 1} was due")
        self.rows = row
        if error:
            self.failed += 1
            self.first_error = self.first_error or f"row {row}: {error}"


class Answers(Protocol):
    """Takes the bytes of one response; gives lines for the output."""

    reason: str
    """Why the server ended the stream, as far as it said so."""

    def feed(self, data: bytes) -> bytes:
        """The lines that are complete now. Raises StrangeAnswerError."""
        ...

    def end(self) -> bytes:
        """What was held back, of a response that has its proper end."""
        ...


class CsvSplitter:
    """Whole records of CSV that is valid: a line end outside of quotes ends one."""

    def __init__(self) -> None:
        self._left = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The records that are complete now."""
        records, begun = list[bytes](), b""
        *lines, self._left = (self._left + data).split(b"\n")
        for line in lines:
            begun += line + b"\n"
            if begun.count(b'"') % 2 == 0:
                records.append(begun)
                begun = b""
        self._left = begun + self._left
        return records


class CsvAnswers:
    """Answers. `header`: of the output, where it has one already."""

    def __init__(self, tally: Tally, header: bytes = b"") -> None:
        self._tally, self._offset, self.header = tally, tally.rows, header
        self._splitter = CsvSplitter()
        self._place: int | None = None  # of the column `row`; None: the response's header has not come
        self._held = b""
        self.reason = ""

    def feed(self, data: bytes) -> bytes:
        """Records of rows, the header before the first of all."""
        return b"".join([self._record(record) for record in self._splitter.feed(data)])

    def _record(self, record: bytes) -> bytes:
        (cells,) = csv.reader([record.decode()])
        if self._place is None:
            return self._begin(record, cells)
        before, self._held = self._held, b""
        if before:
            raise StrangeAnswerError(f"rows came behind the end of the stream: {self.reason}")
        if cells[-1].startswith(STREAM_ENDS):
            self.reason, self._held = cells[-1].removeprefix(STREAM_ENDS), record
            return b""
        return self._counted(record, cells)

    def _begin(self, record: bytes, cells: list[str]) -> bytes:
        self._place = row_column(cells)
        if not self.header:
            self.header = record
            return record
        if record != self.header:
            raise StrangeAnswerError("the answers have other columns than those before")
        return b""

    def _counted(self, record: bytes, cells: list[str]) -> bytes:
        place = self._place or 0
        row = int(cells[place]) + self._offset
        self._tally.count(row, cells[-1])
        if not self._offset:
            return record
        cells[place] = str(row)
        return written(cells)

    def end(self) -> bytes:
        """A row whose own error only looks like an end."""
        held, self._held = self._held, b""
        if not held:
            return b""
        (cells,) = csv.reader([held.decode()])
        return self._counted(held, cells)


def row_column(names: list[str]) -> int:
    """Where the number of the row stands: behind what is passed through. Raises StrangeAnswerError."""
    place = next((place for place, name in enumerate(names) if not name.startswith("_")), -1)
    if place < 0 or names[place] != "row" or names[-1] != "error":
        raise StrangeAnswerError(f"the answer has no columns row and error: {', '.join(names)[:200]}")
    return place


def written(cells: list[str]) -> bytes:
    """As a record."""
    return (",".join([quoted(cell) for cell in cells]) + "\r\n").encode()


def quoted(cell: str) -> str:
    """A cell, as the server writes it."""
    if '"' in cell:
        return '"' + cell.replace('"', '""') + '"'
    return f'"{cell}"' if "," in cell or "\n" in cell or "\r" in cell else cell


class NdjsonAnswers:
    """Answers. The last line of a response is none of a row, and does not get into the output."""

    def __init__(self, tally: Tally) -> None:
        self._tally, self._offset = tally, tally.rows
        self._left = b""
        self.reason = ""

    def feed(self, data: bytes) -> bytes:
        """Lines of rows."""
        *lines, self._left = (self._left + data).split(b"\n")
        return b"".join([self._line(line) for line in lines])

    def _line(self, line: bytes) -> bytes:
        found = json.loads(line)
        if "row" not in found:
            self.reason = found.get("error", "")
            return b""
        row = found["row"] + self._offset
        self._tally.count(row, found.get("error", ""))
        if not self._offset:
            return line + b"\n"
        return json.dumps({**found, "row": row}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    def end(self) -> bytes:
        """Nothing is held back."""
        return b""
