"""Predictions on local disk while Postgres is away.

Segments, `<UUIDv7>.journal`, hold one line for each request: a CRC-32 of the rest, then its records as JSON. A
response is sent only after the fsync of its line has returned. So `kill -9` or a power cut can leave behind no more
than an incomplete last line, whose request got no response. A segment belongs to the process that holds a lock on it,
which ends with the process: replicas may share a folder, and one replays what another has left behind.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog
from prometheus_client import Counter, Gauge
from uuid_utils import uuid7

from prediction_service.records.addition import Addition, KeptResponse
from prediction_service.records.journal_keys import JournalKeys
from prediction_service.records.journal_line import encode
from shared.http.problems import Problem

JOURNAL_BYTES = Gauge("prediction_journal_bytes", "Size of what waits on disk for Postgres")
JOURNAL_FSYNCS = Counter("prediction_journal_fsyncs", "Groups of predictions written to the journal")
SET_ASIDE = Counter("prediction_journal_lines_set_aside", "Lines of the journal that could not be replayed")

SUFFIX = ".journal"
SET_ASIDE_NAME = "set-aside.lines"
"""The file that keeps lines which cannot be replayed, for a person to look at."""

SEGMENT_BYTES = 4 * 1024 * 1024
"""Beyond this size a new segment begins. Space is freed segment by segment, as they are replayed."""

log = structlog.get_logger()


class JournalFull(Problem):
    """Postgres has been away for so long that the journal may not grow further."""

    status = 503
    type = "urn:problem-type:journal-full"
    title = "Journal Full"

    def __init__(self) -> None:
        super().__init__("Predictions cannot be recorded at the moment.", headers={"Retry-After": "5"})


class Journal:
    """The segments of one folder. Every method blocks; at most one thread appends, and at most one replays.

    Requests with a key are written while the folder is locked: of two replicas that share it, one sees what the other
    has written.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._active: Segment | None = None
        self._keys = JournalKeys()

    def append(self, additions: Sequence[Addition]) -> Mapping[Addition, KeptResponse]:
        """Returns once the additions are on disk, all of them or none. Raises JournalFull or OSError.

        What is returned was not added, because another response is kept under its key in this folder.
        """
        if not any(addition.kept for addition in additions):
            self._append(additions)
            return {}
        self._folder.mkdir(parents=True, exist_ok=True)
        with locked(self._folder):
            kept_before = {
                addition: response
                for addition in additions
                if addition.kept and (response := self._keys.find(addition.kept.key, self._paths()))
            }
            self._append([addition for addition in additions if addition not in kept_before])
        return kept_before

    def find(self, key: bytes) -> KeptResponse | None:
        """The response that is kept under a key in this folder, by whatever replica. Raises OSError."""
        try:
            with locked(self._folder):
                return self._keys.find(key, self._paths())
        except FileNotFoundError:  # no folder yet
            return None

    def _append(self, additions: Sequence[Addition]) -> None:
        lines = b"".join(encode(addition) for addition in additions)
        if self.size() + len(lines) > self._max_bytes:
            raise JournalFull
        if self._active is None:
            self._active = Segment.create(self._folder)
        try:
            self._active.append(lines)
        except OSError:
            self._give_up_active()
            raise
        JOURNAL_FSYNCS.inc()
        JOURNAL_BYTES.set(self.size())
        if self._active.size >= SEGMENT_BYTES:
            self.seal()

    def seal(self) -> None:
        """Ends the active segment, so that it can be replayed."""
        active, self._active = self._active, None
        if active is not None:
            active.close()

    def try_to_write(self) -> None:
        """Writes and removes a small segment. Raises OSError when that fails."""
        segment = Segment.create(self._folder)
        try:
            segment.append(bytes(SMALL_LINE_BYTES))
        finally:
            segment.remove()

    def _give_up_active(self) -> None:
        """Closes a segment to which writing has failed, and removes it if it is empty."""
        active, self._active = self._active, None
        if active is not None and active.size == 0:
            active.remove()
        elif active is not None:
            active.close()

    def sealed(self) -> Iterator["Segment"]:
        """Segments that no process writes to, the oldest first, each locked by this process until it is closed."""
        for path in self._paths():
            if segment := Segment.claim(path):
                yield segment

    def set_aside(self, line: bytes, reason: str) -> None:
        """Moves a line that can never be replayed into a file of its own, and logs it."""
        SET_ASIDE.inc()
        log.error("journal line set aside", reason=reason, file=SET_ASIDE_NAME, bytes=len(line))
        with (self._folder / SET_ASIDE_NAME).open("ab") as file:
            file.write(line.rstrip(b"\n") + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def size(self) -> int:
        """Bytes in all segments, those of other replicas included."""
        return sum(size_of(path) for path in self._paths())

    def is_full(self) -> bool:
        """Whether there is no space left even for a small request."""
        return self.size() + SMALL_LINE_BYTES > self._max_bytes

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob(f"*{SUFFIX}"))


SMALL_LINE_BYTES = 512
"""About one prediction with a short model name."""


class Segment:
    """One file, open and locked."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path, self._descriptor = path, descriptor
        self.size = os.fstat(descriptor).st_size

    @classmethod
    def create(cls, folder: Path) -> "Segment":
        """A new, empty segment; its directory entry is on disk, too, once this returns."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{uuid7()}{SUFFIX}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if is_removed(descriptor):
            # Between open and lock another process took the empty file for an abandoned one, and removed it.
            os.close(descriptor)
            return cls.create(folder)
        segment = cls(path, descriptor)
        try:
            sync_folder(folder)
        except OSError:
            segment.remove()
            raise
        return segment

    @classmethod
    def claim(cls, path: Path) -> "Segment | None":
        """The segment, locked; None while another process has the lock, or if the file is gone."""
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if is_removed(descriptor):
            os.close(descriptor)
            return None
        return cls(path, descriptor)

    def append(self, lines: bytes) -> None:
        """Returns once `lines` are on disk. Raises OSError; then the file is as it was before."""
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(lines)

    def lines(self) -> Iterator[bytes]:
        """Each line with its line end; the last one may be incomplete."""
        with self.path.open("rb") as file:
            yield from file

    def remove(self) -> None:
        """Deletes the file and gives up the lock."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Gives up the lock."""
        os.close(self._descriptor)


def is_torn(line: bytes) -> bool:
    """Whether writing it was interrupted: then it has no line end, and its request got no response."""
    return not line.endswith(b"\n")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """A block within which nobody else, in this process or another, has the folder locked."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_removed(descriptor: int) -> bool:
    """Whether the open file has been unlinked: what is written to it is lost when it is closed."""
    return os.fstat(descriptor).st_nlink == 0


def size_of(path: Path) -> int:
    """In bytes; 0 if the file has just been removed."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def sync_folder(folder: Path) -> None:
    """Makes new names in a folder durable: without it a power cut may lose a new file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
