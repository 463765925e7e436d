"""A server as a child process that tests can stop, kill, pause and start again."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

START_DEADLINE_SECONDS = 20


class ServerProcess:
    """One server on one port of 127.0.0.1, over any number of starts."""

    def __init__(self, command: list[str], port: int, log: Path, environment: dict[str, str] | None = None) -> None:
        self.command, self.port, self.log = command, port, log
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id while it runs."""
        if self.process is None:
            raise RuntimeError("not started")
        return self.process.pid

    def start(self, ready: Callable[[], bool] | None = None) -> None:
        """Starts the server and waits until it answers; raises RuntimeError with the end of its log if it ends."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd="/",
                start_new_session=True,
            )
        wait_until(ready or self.accepts, f"{self.command[0]} to answer", self.still_runs)

    def accepts(self) -> bool:
        """Whether somebody accepts connections on the port."""
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def still_runs(self) -> None:
        """Raises RuntimeError with the end of the log when the process has ended."""
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError(f"exit code {self.process.returncode}:\n{self.log.read_text(errors='replace')[-2000:]}")

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> int:
        """Ends the process with `sig`, with SIGKILL after ten seconds; returns its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
            os.kill(self.process.pid, sig)
        try:
            return self.process.wait(10)
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


def wait_until(
    condition: Callable[[], bool],
    what: str,
    check: Callable[[], None] = lambda: None,
    deadline_seconds: float = START_DEADLINE_SECONDS,
) -> None:
    """Returns once `condition` holds; raises TimeoutError after the deadline, or what `check` raises meanwhile."""
    end = time.monotonic() + deadline_seconds
    while not condition():
        check()
        if time.monotonic() > end:
            raise TimeoutError(f"waited {deadline_seconds:g} s for {what}")
        time.sleep(0.02)
