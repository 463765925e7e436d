"""Servers under test: each in a process group of our own making, on loopback, ended by process id.

`with Server(command, port, folder).running(probe) as server:` … `server.usage()`
"""

import os
import secrets
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.harness.ending import ending
from shared.processes import tree
from shared.processes.server import ServerProcess

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
    """Memory of some processes."""

    mebibytes: float = 0.0
    """Resident, pages shared by several processes counted in parts (PSS)."""
    resident_mebibytes: float = 0.0
    """The same with shared pages counted whole in each (RSS)."""


def seconds_of(process: psutil.Process) -> float:
    """Processor time, user and system, of a process and of those of its children that have ended."""
    times = process.cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def seconds_of_all(process: psutil.Process) -> float:
    """The same with all that descend from it."""
    spent = 0.0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.Error):
            spent += seconds_of(one)
    return spent


Role = Callable[[Sequence[str]], str]
"""From a command line to the part that the process plays."""


def server_role(_: Sequence[str]) -> str:
    """All processes are one server."""
    return "server"


class Server(ServerProcess):
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
        self.mark, self.role = secrets.token_hex(8), role
        variables = os.environ | (environment or {}) | {MARK: self.mark}
        super().__init__(command, port, log or folder / f"{port}.log", variables, folder)
        self.start_seconds = 0.0

    @contextmanager
    def running(self, probe: Probe | None = None) -> "Iterator[Server]":
        """Started and answering within the block; nothing of it is left afterwards.

        Raises RuntimeError with the end of its log when it ends by itself or takes too long.
        """
        started = time.perf_counter()
        try:
            self.start((lambda: probe.succeeds(self.port)) if probe else None, START_SECONDS)
            self.start_seconds = time.perf_counter() - started
            yield self
        finally:
            with ending.undisturbed():
                self.stop()

    def stop(self, sig: signal.Signals = signal.SIGTERM, grace_seconds: float = STOP_SECONDS) -> int:
        """In order; what the first process has left behind, or itself after the grace, by force."""
        if self.process is None:
            return 0
        own = self.processes()
        code = super().stop(sig, grace_seconds)
        tree.kill({*own, *self.processes()})
        return code

    def processes(self) -> list[psutil.Process]:
        """All that it consists of."""
        return list(tree.with_descendants(tree.marked(MARK, self.mark)))

    def spent(self) -> dict[str, float]:
        """Seconds of processor time by role, since the start of the processes that run now."""
        found: dict[str, float] = defaultdict(float)
        for process in self.processes():
            with suppress(psutil.Error), process.oneshot():
                found[self.role(process.cmdline())] += seconds_of(process)
        return dict(found)

    def usage(self) -> dict[str, Usage]:
        """By role, since the start of the processes that run now."""
        found: dict[str, Usage] = defaultdict(Usage)
        for process in self.processes():
            try:
                with process.oneshot():
                    memory = process.memory_full_info()
                    used = found[self.role(process.cmdline())]
            except psutil.Error:
                continue
            used.mebibytes += memory.pss / 2**20
            used.resident_mebibytes += memory.rss / 2**20
        return dict(found)
