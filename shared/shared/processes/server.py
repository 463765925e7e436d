"""A server as a child process that can be stopped, killed, paused and started again."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from shared.processes.waiting import DEADLINE_SECONDS, accepts, wait_until

GRACE_SECONDS = 10
LAST_WORDS_CHARACTERS = 2000


class ServerProcess:
    """One server on one port of 127.0.0.1, over any number of starts."""

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        log: Path,
        environment: Mapping[str, str] | None = None,
        working_folder: Path = Path("/"),
    ) -> None:
        self.command, self.port, self.log = command, port, log
        self.environment, self.working_folder = environment, working_folder
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id while it runs."""
        if self.process is None:
            raise RuntimeError("not started")
        return self.process.pid

    def start(self, ready: Callable[[], bool] | None = None, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        """Starts the server in a session of its own and waits until it is ready: by default, accepts connections.

        Raises RuntimeError with the end of its log when it ends by itself or takes too long.
        """
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.working_folder,
                start_new_session=True,
            )
        try:
            wait_until(ready or self.accepts, f"{self.command[0]} to answer", self.still_runs, deadline_seconds)
        except TimeoutError as error:
            raise RuntimeError(f"{error}:\n{self.last_words()}") from error

    def accepts(self) -> bool:
        """Whether somebody accepts connections on the port."""
        return accepts(self.port)

    def last_words(self) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-LAST_WORDS_CHARACTERS:]

    def still_runs(self) -> None:
        """Raises RuntimeError with the end of the log when the process has ended."""
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError(f"exit code {self.process.returncode}:\n{self.last_words()}")

    def stop(self, sig: signal.Signals = signal.SIGTERM, grace_seconds: float = GRACE_SECONDS) -> int:
        """Ends the process with `sig`, with SIGKILL after the grace; returns its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
            os.kill(self.process.pid, sig)
        try:
            return self.process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def kill(self) -> None:
        """`kill -9`: no chance to clean up."""
        self.stop(signal.SIGKILL)

    def pause(self) -> None:
        """The process stands still: connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on where it stood."""
        os.kill(self.pid, signal.SIGCONT)
