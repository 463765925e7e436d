"""The rows of the input as the server is sent them, a line for each: CSV of any dialect, and NDJSON."""

import re
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from modelserver.errors import CommandError, UsageError
from modelserver.predicting.dialect import Dialect, as_utf8
from modelserver.predicting.records import MAX_RECORD_BYTES, CsvRecords, TooLongError, csv_line
from modelserver.predicting.source import Source

FAULTY = b'?"\n'
"""Sent in place of a row that is no valid CSV: the server says so of this line, whatever stands around it."""

WITH_COMMA = re.compile(rb"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")

PASSED_THROUGH = b"_"
"""What names of columns begin with that the server gives back as they came."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What is done to columns. `inputs`: name of an input of the model → its type; None: nobody has asked for them."""

    inputs: dict[str, str] | None = None
    pass_through: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows. `rows`: of the input up to here; `at`: bytes of the input up to here."""

    data: bytes
    rows: int
    at: int


class LineReader(Protocol):
    """Makes lines for the server of bytes in UTF-8."""

    head: bytes
    """What stands before the rows of each request; b"" until it has come."""

    def feed(self, data: bytes, *, last: bool = False) -> Iterator[bytes]:
        """The lines of the rows that are complete now. Raises TooLongError and UsageError."""
        ...


class CsvReader:
    """A LineReader; the first record is the header."""

    def __init__(self, dialect: Dialect, columns: Columns) -> None:
        self._dialect, self._columns = dialect, columns
        self._records = CsvRecords(dialect.delimiter.encode())
        self._numbers: Collection[int] = ()
        self.head = b""

    def feed(self, data: bytes, *, last: bool = False) -> Iterator[bytes]:
        """Rows in the server's dialect."""
        for record in self._records.feed(data, last=last):
            if self.head:
                yield self._line(record)
            else:
                self._begin(record)

    def _begin(self, header: bytes) -> None:
        names = self._records.cells(header)
        if names is None:
            raise UsageError("the header is not valid CSV: a quote stands where none may be")
        types, texts = self._columns.inputs or {}, [name.decode(errors="replace") for name in names]
        if self._dialect.decimal != ".":
            self._numbers = [place for place, name in enumerate(texts) if types.get(name) in {"number", "integer"}]
        if self._columns.pass_through:
            others = [text not in types and not text.startswith(PASSED_THROUGH.decode()) for text in texts]
            names = [PASSED_THROUGH * other + name for name, other in zip(names, others, strict=True)]
        self.head = csv_line(names)

    def _line(self, record: bytes) -> bytes:
        if self._dialect.is_the_servers and b'"' not in record:
            return record
        cells = self._records.cells(record)
        if cells is None:
            return FAULTY
        for place in self._numbers:
            if place < len(cells) and WITH_COMMA.fullmatch(cells[place]):
                cells[place] = cells[place].replace(b",", b".")
        return csv_line(cells) if any(cells) else b",".join([b'""'] * len(cells)) + b"\n"


class NdjsonReader:
    """A LineReader; a line is a row, and a blank line is none."""

    def __init__(self) -> None:
        self._waiting = b""
        self.head = b""

    def feed(self, data: bytes, *, last: bool = False) -> Iterator[bytes]:
        """The lines as they are."""
        *lines, self._waiting = (self._waiting + data).split(b"\n")
        if last and self._waiting:
            lines, self._waiting = [*lines, self._waiting], b""
        for line in lines:
            if len(line) >= MAX_RECORD_BYTES:
                raise too_long_line()
            if line.strip():
                yield line + b"\n"
        if len(self._waiting) >= MAX_RECORD_BYTES:
            raise too_long_line()


def too_long_line() -> TooLongError:
    """Of a line without its end in sight."""
    return TooLongError(f"is longer than {MAX_RECORD_BYTES} bytes")


class Input:
    """All rows of a source. What ends them too early is kept as `fault`, for the rows before it are to be answered."""

    def __init__(self, source: Source, encoding: str, reader: Callable[[], LineReader]) -> None:
        self._source, self._encoding, self._reader = source, encoding, reader
        self.fault: CommandError | None = None
        self.rows: int | None = None
        """How many there are; None as long as the last one has not been seen."""

    async def pieces(self, skip: int, most_rows: int | None) -> AsyncIterator[Piece]:
        """Rows behind the first `skip`, at most so many; the header first, even where no row follows."""
        reader, count, at, begun = self._reader(), 0, 0, False
        end = None if most_rows is None else skip + most_rows
        try:
            async for data, at in self._blocks():
                lines = list(islice(self._lines(reader, data), None if end is None else end - count))
                wanted = lines[max(skip - count, 0) :]
                count += len(lines)
                if wanted:
                    yield Piece((b"" if begun else reader.head) + b"".join(wanted), count, at)
                    begun = True
                if self.fault is not None:
                    self.fault = TooLongError(f"row {count + 1} of the input {self.fault}")
                if self.fault is not None or count == end:
                    return
            self.rows = count
        except UsageError as fault:
            self.fault = fault
        except OSError as error:
            self.fault = UsageError(f"the input cannot be read: {error.strerror}")
        if not begun and not skip and self.fault is None:
            yield Piece(reader.head, count, at)

    def _lines(self, reader: LineReader, data: bytes) -> Iterator[bytes]:
        """Of the next bytes, up to what is wrong with them."""
        try:
            yield from reader.feed(data, last=not data)
        except TooLongError as fault:
            self.fault = fault

    async def _blocks(self) -> AsyncIterator[tuple[bytes, int]]:
        """The input in UTF-8, and b"" behind its end."""
        at = 0
        async for data, at in as_utf8(self._source.blocks(), self._encoding):
            if data:
                yield data, at
        yield b"", at
