"""Counts crashes of the whole process per model, so that a model that crashes it is not loaded again and again.

Each process keeps a locked file with one slot per thread that calls models. While a thread is in such a call, its slot
holds the digest of that model's files. On a fatal signal (SIGSEGV, SIGABRT, …) Python appends the stacks of all threads
to the file; it appends nothing when the process is killed or ends normally. The next process that starts reads the
files of processes that have ended, and counts one crash for the digest in the slot of the crashing thread. A model
whose digest has MOST_CRASHES crashes is skipped until it is loaded by hand or its files are replaced.
"""

import errno
import faulthandler
import fcntl
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import structlog

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.plain_files import is_file, is_folder, read_plain, remove, replace_plain
from shared.settings.opening import without_waiting

MOST_CRASHES = 2

SUFFIX, COUNTS = ".calls", "crashes.json"

SLOTS, SLOT_BYTES = 512, 96
"""One slot per thread: the thread's number and a digest, or a zero byte at its beginning while it calls nothing."""

MOST_STACK_BYTES = 256 << 10
REMEMBERED = 1000
MOST_COUNTS_BYTES, MOST_COUNT = 1 << 20, 1 << 31

FATAL, CURRENT = b"Fatal Python error: ", re.compile(rb"Current thread 0x([0-9a-f]+)")
"""As faulthandler writes them. It does not name a thread that Python did not start: then every slot is suspect."""

log = structlog.get_logger()


class Crashes:
    """The crashes of this service, in files of `folder`. Without a usable folder nothing is counted."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._counts: dict[str, int] = {}  # digest → crashes; only `_collect` and `forgive` change it
        self._slots_file: int | None = None
        """Its descriptor, while calls are recorded. (Not mapped into memory: a write to a mapping ends the process when
        the disk is full.)"""
        self._slots: dict[int, int] = {}  # thread → offset of its slot; each thread adds its own, under the lock
        self._lock = threading.Lock()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Collects the crashes of previous processes, then records calls until the block ends."""
        if self._folder is None or not is_folder(self._folder):
            yield
            return
        with ExitStack() as at_end:
            try:
                self._collect(self._folder)
                self._open(self._folder, at_end)
            except OSError as error:
                at_end.close()  # on a full disk no empty file stays
                log.warning("crashes are not noted down", reason=error.strerror)
            yield

    @contextmanager
    def calling(self, digest: str) -> Iterator[None]:
        """Around a call of a model. Costs two short writes to the page cache, some microseconds."""
        offset = self._slot() if self._slots_file is not None else None
        if offset is None:
            yield
            return
        self._write_slot(offset, f"{threading.get_ident():016x} {digest}".encode().ljust(SLOT_BYTES, b"\0"))
        try:
            yield
        finally:
            self._write_slot(offset, b"\0")

    def _write_slot(self, offset: int, content: bytes) -> None:
        """A failing disk is ignored: it must not make a prediction fail."""
        if self._slots_file is not None:
            with suppress(OSError):
                os.pwrite(self._slots_file, content, offset)

    def check(self, digest: str) -> None:
        """Raises ModelError for a digest that crashed the service too often."""
        if (count := self._counts.get(digest, 0)) >= MOST_CRASHES:
            raise ModelError(
                f"crashed the whole service {count} times while it was called, with all requests that it had; give it "
                "another file, or load it by hand (POST /v2/repository/models/{name}/load) to try once more"
            )

    def is_suspect(self, digest: str) -> bool:
        """Whether the service has crashed while it was called."""
        return digest in self._counts

    def forgive(self, digest: str) -> None:
        """Forgets the crashes of a digest, for an operator who wants it loaded all the same. Blocks while it writes."""
        if self._counts.pop(digest, 0) and self._folder is not None:
            try:
                self._write(self._folder)
            except OSError as error:
                log.warning("crashes are not noted down", reason=error.strerror)

    def _slot(self) -> int | None:
        """The offset of this thread's slot; None if all are taken."""
        me = threading.get_ident()
        if me not in self._slots:
            with self._lock:
                if len(self._slots) >= SLOTS:
                    return None
                self._slots[me] = len(self._slots) * SLOT_BYTES
        return self._slots[me]

    def _open(self, folder: Path, at_end: ExitStack) -> None:
        path = folder / f"{os.getpid()}-{os.urandom(4).hex()}{SUFFIX}"
        slots = at_end.enter_context(path.open("xb", buffering=0))
        at_end.callback(remove, path)
        fcntl.flock(slots, fcntl.LOCK_EX)
        slots.write(bytes(SLOTS * SLOT_BYTES))
        stacks = at_end.enter_context(path.open("ab", buffering=0))
        faulthandler.enable(stacks, all_threads=True)
        at_end.callback(faulthandler.disable)
        self._slots_file = slots.fileno()
        at_end.callback(setattr, self, "_slots_file", None)

    def _collect(self, folder: Path) -> None:
        """Counts the crashes of processes that have ended. Of several processes that start, one counts each file."""
        self._counts = read_counts(folder / COUNTS)
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            try:
                slots, stack = take_over(path)
            except OSError as error:
                log.warning("a file of calls is left alone", file=path.name, reason=error.strerror)
                continue
            if FATAL not in stack:
                continue
            found = suspects(slots, stack)
            log.critical("the process before crashed", called=sorted(found), stack=stack.decode(errors="replace"))
            for digest in found:
                self._counts[digest] = self._counts.pop(digest, 0) + 1
            self._write(folder)

    def _write(self, folder: Path) -> None:
        content = json.dumps(dict(list(self._counts.items())[-REMEMBERED:])).encode()
        replace_plain(folder / COUNTS, folder / f"{COUNTS}.{os.getpid()}.draft", content)


def take_over(path: Path) -> tuple[bytes, bytes]:
    """Slots and stacks of an ended process, whose file it removes; nothing if the process lives. Raises OSError."""
    if not is_file(path):
        raise OSError(errno.EINVAL, "is not a plain file")
    with open(path, "rb", opener=without_waiting) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return b"", b""
        slots, stack = file.read(SLOTS * SLOT_BYTES), file.read(MOST_STACK_BYTES)
        path.unlink(missing_ok=True)  # if it stayed, it would be counted at every start
    return slots, stack


def suspects(slots: bytes, stack: bytes) -> set[str]:
    """The digest in the slot of the crashing thread; those of all slots if Python did not start that thread."""
    called = {}
    for offset in range(0, len(slots), SLOT_BYTES):
        thread, _, digest = slots[offset : offset + SLOT_BYTES].rstrip(b"\0").decode(errors="replace").partition(" ")
        if digest and slots[offset]:
            called[thread] = digest
    if current := CURRENT.search(stack):
        return {digest for thread, digest in called.items() if thread == current[1].decode().rjust(16, "0")}
    return set(called.values())


def read_counts(file: Path) -> dict[str, int]:
    """Digest → crashes, from a file. An unreadable file or one with other content counts as empty, with a warning."""
    try:
        found = json.loads(read_plain(file, MOST_COUNTS_BYTES))
        if isinstance(found, dict) and all(type(count) is int and 0 <= count < MOST_COUNT for count in found.values()):
            return found
        reason = "there are no counts in it"
    except FileNotFoundError:
        return {}
    except OSError as error:
        reason = error.strerror or ""
    except (ValueError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
    log.warning("what crashed before is not known", file=file.name, reason=reason)
    return {}
