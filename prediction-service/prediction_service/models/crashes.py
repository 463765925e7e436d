"""What crashed the process before: a version that ends the service at a certain text must not do so for ever.

Each process has a file, which it holds locked, with a place for each thread that calls models: which contents it is
calling just now. Behind them Python writes the stacks of all threads when a fatal signal comes (SIGSEGV, SIGABRT, …),
and nothing when the process is killed or ends in order. Whoever starts next reads the files of those that have gone:
the contents that the crashing thread was calling count as having crashed once more. Contents that crashed a service
MOST_CRASHES times are skipped, until they are loaded by hand or others take their place.
"""

import errno
import faulthandler
import fcntl
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import structlog

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.plain_files import is_file, is_folder, read_plain, remove, replace_plain
from shared.settings.opening import without_waiting

MOST_CRASHES = 2

SUFFIX, COUNTS = ".calls", "crashes.json"

PLACES, PLACE_BYTES = 512, 96
"""For so many threads; a place has a thread's number and a digest, and begins with a zero while nothing is called."""

MOST_STACK_BYTES = 256 << 10
REMEMBERED = 1000
MOST_COUNTS_BYTES, MOST_COUNT = 1 << 20, 1 << 31

FATAL, CURRENT = b"Fatal Python error: ", re.compile(rb"Current thread 0x([0-9a-f]+)")
"""As faulthandler writes them. A thread that is not Python's is not named: then all that was called is suspect."""

Calling = Callable[[], AbstractContextManager[None]]
"""What is around each call of a library that might not come back."""

log = structlog.get_logger()


class Crashes:
    """The crashes of this service, in the files of a folder; None, or a folder that cannot be used: none is known."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._counts: dict[str, int] = {}  # digest → crashes; changed by `collect` and `forgive` alone
        self._marks: int | None = None
        """The file, while calls are noted down. (Not mapped into memory: on a full disk a write there is fatal.)"""
        self._places: dict[int, int] = {}  # thread → where its place begins; each thread adds its own, under the lock
        self._lock = threading.Lock()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Reads what became of those before, and notes down calls for as long as the block lasts."""
        if self._folder is None or not is_folder(self._folder):
            yield
            return
        with ExitStack() as at_end:
            try:
                self._collect(self._folder)
                self._open(self._folder, at_end)
            except OSError as error:
                at_end.close()  # a full disk keeps no empty file
                log.warning("crashes are not noted down", reason=error.strerror)
            yield

    @contextmanager
    def calling(self, digest: str) -> Iterator[None]:
        """Around a call of a model: two short writes to the system's memory, some microseconds."""
        begin = self._place() if self._marks is not None else None
        if begin is None:
            yield
            return
        self._write_mark(begin, f"{threading.get_ident():016x} {digest}".encode().ljust(PLACE_BYTES, b"\0"))
        try:
            yield
        finally:
            self._write_mark(begin, b"\0")

    def _write_mark(self, begin: int, mark: bytes) -> None:
        """A disk that fails is no reason to fail a call."""
        if self._marks is not None:
            with suppress(OSError):
                os.pwrite(self._marks, mark, begin)

    def check(self, digest: str) -> None:
        """Raises ModelError for contents that crashed the service too often."""
        if (count := self._counts.get(digest, 0)) >= MOST_CRASHES:
            raise ModelError(
                f"crashed the whole service {count} times while it was called, with all requests that it had; give it "
                "another file, or load it by hand (POST /v2/repository/models/{name}/load) to try once more"
            )

    def forgive(self, digest: str) -> None:
        """Somebody wants it all the same. Blocks while it writes."""
        if self._counts.pop(digest, 0) and self._folder is not None:
            try:
                self._write(self._folder)
            except OSError as error:
                log.warning("crashes are not noted down", reason=error.strerror)

    def _place(self) -> int | None:
        """Where this thread's place begins; None: there is none left."""
        me = threading.get_ident()
        if me not in self._places:
            with self._lock:
                if len(self._places) >= PLACES:
                    return None
                self._places[me] = len(self._places) * PLACE_BYTES
        return self._places[me]

    def _open(self, folder: Path, at_end: ExitStack) -> None:
        path = folder / f"{os.getpid()}-{os.urandom(4).hex()}{SUFFIX}"
        marks = at_end.enter_context(path.open("xb", buffering=0))
        at_end.callback(remove, path)
        fcntl.flock(marks, fcntl.LOCK_EX)
        marks.write(bytes(PLACES * PLACE_BYTES))
        stacks = at_end.enter_context(path.open("ab", buffering=0))
        faulthandler.enable(stacks, all_threads=True)
        at_end.callback(faulthandler.disable)
        self._marks = marks.fileno()
        at_end.callback(setattr, self, "_marks", None)

    def _collect(self, folder: Path) -> None:
        """Counts what those that have gone left behind, each file once, whoever comes first."""
        self._counts = read_counts(folder / COUNTS)
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            try:
                marks, stack = left_behind(path)
            except OSError as error:
                log.warning("a file of calls is left alone", file=path.name, reason=error.strerror)
                continue
            if FATAL not in stack:
                continue
            found = suspects(marks, stack)
            log.critical("the process before crashed", called=sorted(found), stack=stack.decode(errors="replace"))
            for digest in found:
                self._counts[digest] = self._counts.pop(digest, 0) + 1
            self._write(folder)

    def _write(self, folder: Path) -> None:
        content = json.dumps(dict(list(self._counts.items())[-REMEMBERED:])).encode()
        replace_plain(folder / COUNTS, folder / f"{COUNTS}.{os.getpid()}.draft", content)


def left_behind(path: Path) -> tuple[bytes, bytes]:
    """Marks and stacks of a process that has gone, whose file is removed; nothing of one that lives. Raises OSError."""
    if not is_file(path):
        raise OSError(errno.EINVAL, "is not a plain file")
    with open(path, "rb", opener=without_waiting) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return b"", b""
        marks, stack = file.read(PLACES * PLACE_BYTES), file.read(MOST_STACK_BYTES)
        path.unlink(missing_ok=True)  # one that stays would be counted at every start
    return marks, stack


def suspects(marks: bytes, stack: bytes) -> set[str]:
    """The digests that the crashing thread was calling; those of all threads when it is none of Python's."""
    called = {}
    for begin in range(0, len(marks), PLACE_BYTES):
        thread, _, digest = marks[begin : begin + PLACE_BYTES].rstrip(b"\0").decode(errors="replace").partition(" ")
        if digest and marks[begin]:
            called[thread] = digest
    if current := CURRENT.search(stack):
        return {digest for thread, digest in called.items() if thread == current[1].decode().rjust(16, "0")}
    return set(called.values())


def read_counts(file: Path) -> dict[str, int]:
    """What is known of crashes before. A file that says anything else is as good as none, with a warning."""
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
