"""Servers under test: each in a process group of our own making, on loopback, ended by process id.

`with Server(command, port, folder).running(probe) as server:` … `server.usage()`
"""

import os
import secrets
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.harness.ending import ending

START_SECONDS, STOP_SECONDS = 120, 15
MARK = "BENCHMARK_SERVER"
"""Every process of a server carries the server's own mark in its environment, also one that has left its parent."""


@dataclass(frozen=True)
class Probe:
    """A request whose answer, 200, says that a server works."""

    path: str
    body: str = ""
    """Posted as JSON; empty: a GET."""

    def succeeds(self, port: int) -> bool:
        """Whether that is what it says now."""
        url, headers = f"http://127.0.0.1:{port}{self.path}", {"Content-Type": "application/json"}
        method = "POST" if self.body else "GET"
        try:
            return httpx.request(method, url, content=self.body, headers=headers, timeout=20).status_code == 200
        except httpx.TransportError:
            return False


@dataclass
class Usage:
    """What some processes have used."""

    processor_seconds: float = 0.0
    mebibytes: float = 0.0
    """Resident, pages shared by several processes counted in parts (PSS)."""
    resident_mebibytes: float = 0.0
    """The same with shared pages counted whole in each (RSS)."""


Role = Callable[[Sequence[str]], str]
"""From a command line to the part that the process plays."""


def server_role(_: Sequence[str]) -> str:
    """All processes are one server."""
    return "server"


class Server:
    """A program and all that it starts."""

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        role: Role = server_role,
        log: Path | None = None,
    ) -> None:
        self.command, self.port, self.folder, self.role = command, port, folder, role
        self.mark = secrets.token_hex(8)
        self.environment = os.environ | (environment or {}) | {MARK: self.mark}
        self.log = log or folder / f"{port}.log"
        self.start_seconds = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def running(self, probe: Probe | None = None) -> "Iterator[Server]":
        """Started and answering within the block; nothing of it is left afterwards.

        Raises RuntimeError with the end of its log when it ends by itself or takes too long.
        """
        started = time.perf_counter()
        try:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    self.command, cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
                )
            self._wait(probe, started + START_SECONDS)
            self.start_seconds = time.perf_counter() - started
            yield self
        finally:
            with ending.undisturbed():
                self.stop()

    def _wait(self, probe: Probe | None, end: float) -> None:
        """Until it answers the probe, or without one accepts connections."""
        while not (probe.succeeds(self.port) if probe else accepts(self.port)):
            assert self._process is not None
            if self._process.poll() is not None or time.perf_counter() > end:
                tail = self.log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{' '.join(self.command)} does not answer:\n{tail}")
            time.sleep(0.02)

    def stop(self) -> None:
        """In order; what the first process has left behind, or itself after a while, by force."""
        if self._process is None:
            return
        own = self.processes()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        left = [process for process in {*own, *self.processes()} if process.is_running()]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=STOP_SECONDS)
        self._process.wait()

    def processes(self) -> list[psutil.Process]:
        """All that it consists of: those with the mark, and their children (some rewrite their environment)."""
        marked = [process for process in psutil.process_iter() if self._is_marked(process)]
        children = {child for process in marked for child in descendants(process)}
        return list({*marked, *children})

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self.mark
        except (psutil.Error, OSError):
            return False

    def usage(self) -> dict[str, Usage]:
        """By role, since the start of the processes that run now."""
        found: dict[str, Usage] = defaultdict(Usage)
        for process in self.processes():
            try:
                with process.oneshot():
                    times, memory = process.cpu_times(), process.memory_full_info()
                    used = found[self.role(process.cmdline())]
            except psutil.Error:
                continue
            used.processor_seconds += times.user + times.system
            used.mebibytes += memory.pss / 2**20
            used.resident_mebibytes += memory.rss / 2**20
        return dict(found)


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """None when it has just ended."""
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def accepts(port: int) -> bool:
    """Whether somebody listens on it."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
