"""One worker process, seen from the service: started, asked, ended."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from time import perf_counter

from prediction_service.models.runtimes.python.launch import ENVIRONMENT, Launch
from prediction_service.models.runtimes.python.model_worker import frames
from prediction_service.models.runtimes.python.model_worker.guardian import (
    SIGNALLED,
    TOO_MANY_TASKS,
    TOO_MUCH_MEMORY,
)

READ_BYTES = 256 << 10


class WorkerEndedError(Exception):
    """The process ended before it had answered, or has to; the message says why, or nothing if it is not known yet."""


class CallTooLongError(Exception):
    """The process did not answer in time."""


class WorkerProcess:
    """A guardian and its worker. Asked by one thread at a time; any thread may end it."""

    def __init__(self, launch: Launch) -> None:
        """Starts it. Raises OSError. The thread that does so must live as long: the guardian ends with it."""
        self.socket, theirs = socket.socketpair()
        self.output, printed = os.pipe()
        try:
            self._process = subprocess.Popen(
                launch.command(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                pass_fds=[theirs.fileno()],
                env=ENVIRONMENT,
                cwd=launch.folder,
                start_new_session=True,
            )
        except BaseException:
            self.socket.close()
            os.close(self.output)
            raise
        finally:
            theirs.close()
            os.close(printed)
        self._asked = threading.Lock()
        """Held by who asks: the socket must not be closed, and its number given to another, under their hands."""
        self._calls = 0
        self.ended_at: float | None = None
        """When it was told to end (`time.perf_counter`); None: not yet."""
        self.why = ""
        """Why it was ended by the service."""
        self.socket.settimeout(SETUP_SECONDS)
        self.socket.sendall(launch.setup())

    @property
    def pid(self) -> int:
        """Of the guardian."""
        return self._process.pid

    def call(self, pieces: Sequence[bytes | memoryview], deadline: float) -> frames.Frame:
        """Sends a frame and reads the one that comes back. Raises WorkerEndedError, CallTooLongError.

        After either there is nothing more to be had from this process.
        """
        with self._asked:
            number = self._calls = (self._calls + 1) % MOST_CALLS
            try:
                for piece in frames.numbered(number, pieces):
                    self.socket.settimeout(left_until(deadline))
                    self.socket.sendall(piece)
                frame = self.read(deadline)
            except TimeoutError:
                raise CallTooLongError from None
            except OSError as error:
                raise WorkerEndedError from error
            if frame.number != number:
                raise WorkerEndedError("it says what it was not asked")
            return frame

    def read(self, deadline: float) -> frames.Frame:
        """The next frame. Raises TimeoutError, OSError, WorkerEndedError."""
        self.socket.settimeout(left_until(deadline))
        first = self.socket.recv(READ_BYTES)
        while first and len(first) < frames.BEGINNING.size:
            more = self.socket.recv(READ_BYTES)
            first = first + more if more else b""
        if not first:
            raise WorkerEndedError
        number, kind, text_bytes, data_bytes = frames.BEGINNING.unpack_from(first)
        size = text_bytes + data_bytes
        if size > frames.MOST_BYTES:
            raise WorkerEndedError(f"it gave more than {frames.MOST_BYTES >> 20} MiB for one call")
        body = memoryview(first)[frames.BEGINNING.size :]
        if len(body) != size:
            body = self._rest(body, size, deadline)
        return frames.Frame(number, kind, bytes(body[:text_bytes]), body[text_bytes:])

    def _rest(self, begun: memoryview, size: int, deadline: float) -> memoryview:
        """The body that begins so."""
        if len(begun) > size:
            raise WorkerEndedError("it says more than it was asked")
        body = memoryview(bytearray(size))
        filled = len(begun)
        body[:filled] = begun
        while filled < size:
            self.socket.settimeout(left_until(deadline))
            count = self.socket.recv_into(body[filled:])
            if not count:
                raise WorkerEndedError
            filled += count
        return body

    def has_ended(self) -> bool:
        """Whether it is of no use any more, as far as can be seen at once."""
        if self.ended_at is not None:
            return True
        try:
            self.socket.setblocking(False)
            return self.socket.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def end(self, why: str = "") -> None:
        """Tells the guardian to kill everything; returns at once."""
        if self.ended_at is None:
            self.ended_at, self.why = perf_counter(), why
            self.signal(signal.SIGTERM)

    def signal(self, number: int) -> None:
        """To the guardian, if it is still there."""
        if self._process.poll() is None:
            os.kill(self.pid, number)

    def end_by_force(self) -> None:
        """For a guardian that does not react: somebody has stopped it."""
        if self._process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)

    def reap(self) -> str:
        """Waits for the end of a process that ends, gives back what it held, and says why it ended."""
        try:
            code = self._process.wait(REAP_SECONDS)
        except subprocess.TimeoutExpired:
            self.end_by_force()
            code = self._process.wait()
        self.ended_at = self.ended_at or perf_counter()
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        with self._asked:
            self.socket.close()
        os.close(self.output)
        return self.why or reason_of(code)

    def why_it_ended(self) -> str:
        """Of a process that has hung up; one that lives on all the same is ended."""
        try:
            return self.why or reason_of(self._process.wait(REAP_SECONDS))
        except subprocess.TimeoutExpired:
            self.end("it hung up")
            return self.why


SETUP_SECONDS = 10.0

MOST_CALLS = 1 << 32
"""Then their numbers begin again."""

REAP_SECONDS = 2.0

ENDINGS = {
    TOO_MANY_TASKS: "it started too many processes and threads",
    TOO_MUCH_MEMORY: "it took more memory than a model may (MODEL_MEMORY_BYTES)",
    SIGNALLED + signal.SIGXCPU: "it used all the processor time that it had",
}


def reason_of(code: int) -> str:
    """Why a worker ended by itself."""
    if code in ENDINGS:
        return ENDINGS[code]
    number = -code if code < 0 else code - SIGNALLED
    if number > 0:
        try:
            return f"it was ended by {signal.Signals(number).name}"
        except ValueError:
            pass
    return f"it ended by itself (exit code {code})"


def left_until(deadline: float) -> float:
    """Seconds, for a socket; 0 would mean something else there."""
    return max(deadline - perf_counter(), 1e-3)
