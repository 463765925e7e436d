"""The output while it grows: under a name of its own until it is complete, so that its name can be relied on.

Beside it stands what it was begun with. After a kill at any moment the next run finds here how far it came.
"""

import csv
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from modelserver.errors import RefusedError
from modelserver.predicting.answers import CsvSplitter, StrangeAnswerError, Tally, row_column

READ_BYTES = 1_048_576


@dataclass(slots=True)
class Begun:
    """What an output was begun with. `input`: what tells one input from another."""

    input: str
    model_name: str | None
    model_version: str | None


class Output(Protocol):
    """Where lines go."""

    tally: Tally
    header: bytes
    """The first line of a CSV that was begun; b"" before."""
    begun: Begun

    def write(self, data: bytes) -> None:
        """Whole lines, at once. Raises OSError."""
        ...

    def keep(self) -> None:
        """Keeps what is now known of `begun`."""
        ...

    def finish(self) -> None:
        """It is complete."""
        ...


class StandardOutput:
    """What is there cannot be looked at: a client that was ended begins anew."""

    def __init__(self, begun: Begun) -> None:
        self.tally, self.header, self.begun = Tally(), b"", begun

    def write(self, data: bytes) -> None:
        """At once."""
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def keep(self) -> None:
        """Nowhere."""

    def finish(self) -> None:
        """Nothing is left to do."""


class File:
    """A file. Raises RefusedError where it is there already, or belongs to something else, or is being written."""

    def __init__(self, path: Path, begun: Begun, *, is_csv: bool, restart: bool) -> None:
        self._path, self._part = path, path.with_name(f"{path.name}.part")
        self._about = path.with_name(f"{path.name}.part.json")
        self.tally, self.header, self.begun = Tally(), b"", begun
        if path.exists() and not restart:
            raise RefusedError(f"{path} is there already, and complete; --restart makes it anew")
        self._file = self._part.open("ab+", buffering=0)
        self._lock()
        if restart:
            self._file.truncate(0)
        if os.fstat(self._file.fileno()).st_size:
            self._go_on(begun, is_csv=is_csv)
        self.keep()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(f"{self._part} is being written by another process") from None

    def _go_on(self, begun: Begun, *, is_csv: bool) -> None:
        """From where the last run came to. Raises RefusedError."""
        try:
            before = Begun(**json.loads(self._about.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise self._refused(f"was begun, and {self._about.name} does not say with what") from None
        for name in ("input", "model_name", "model_version"):
            was, wanted = getattr(before, name), getattr(begun, name)
            if wanted is not None and was not in {None, wanted}:
                raise self._refused(f"was begun with another {name.replace('_', ' ')} ({was}, and not {wanted})")
        self.begun = before
        try:
            self._file.truncate(self._count(self._csv_rows() if is_csv else self._ndjson_rows()))
        except (StrangeAnswerError, ValueError, KeyError, TypeError) as error:
            raise self._refused(f"cannot be gone on with: {error}") from None

    def _refused(self, why: str) -> RefusedError:
        return RefusedError(f"{self._part} {why}; --restart begins anew")

    def _count(self, rows: Iterator[tuple[int, int, str]]) -> int:
        """How far it is; returns where the last whole line ends. What is cut in two was being written at a kill."""
        end = 0
        for size, row, error in rows:
            end += size
            if row:
                self.tally.count(row, error)
        return end

    def _csv_rows(self) -> Iterator[tuple[int, int, str]]:
        """Bytes, number and error of each row; number 0: the header."""
        splitter, place = CsvSplitter(), 0
        self._file.seek(0)
        while data := self._file.read(READ_BYTES):
            for record in splitter.feed(data):
                (cells,) = csv.reader([record.decode()])
                if self.header:
                    yield len(record), int(cells[place]), cells[-1]
                else:
                    self.header, place = record, row_column(cells)
                    yield len(record), 0, ""

    def _ndjson_rows(self) -> Iterator[tuple[int, int, str]]:
        left = b""
        self._file.seek(0)
        while data := self._file.read(READ_BYTES):
            *lines, left = (left + data).split(b"\n")
            for line in lines:
                found = json.loads(line)
                yield len(line) + 1, found["row"], found.get("error", "")

    def write(self, data: bytes) -> None:
        """To the system at once: what is answered is not asked again after a kill. Raises OSError."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def keep(self) -> None:
        """Beside the output."""
        draft = self._about.with_name(f".{self._about.name}")
        draft.write_text(json.dumps(asdict(self.begun)), encoding="utf-8")
        draft.replace(self._about)

    def finish(self) -> None:
        """It gets its own name."""
        os.fsync(self._file.fileno())
        self._part.replace(self._path)
        self._about.unlink(missing_ok=True)
        self._file.close()
