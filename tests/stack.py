"""The whole product as `make run` starts it, on a port and in a folder of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import psutil

from local.leftovers import leftovers
from shared.embedded.ports import free_ports, is_free
from shared.processes.waiting import wait_until

REPOSITORY = Path(__file__).parent.parent
READY = re.compile(r"make run: everything is healthy")
START_SECONDS = 150
"""Less than a test may take, so that a stack that does not start is told with what it said."""

END_SECONDS = 60

PASSED_TRIALS = Path("journal/passed-trials")

passed_trials: set[str] = set()
"""Lines of that file, of all stacks of this session: the trials take a quarter of a start."""


def port_with_room() -> int:
    """A port whose neighbours, which follow from it, are free as well."""
    needed = (0, *range(10, 14), 20, 21)
    return next(port for port in free_ports() if all(is_free(port + step) for step in needed))


class LocalStack:
    """One `python -m local`, which is all that `make run` does once everything is installed."""

    def __init__(
        self, folder: Path, *, port: int | None = None, prefix: tuple[str, ...] = (), **environment: str
    ) -> None:
        self.folder, self.prefix = folder, prefix
        self.port = port or port_with_room()
        self.environment = os.environ | environment | {
            "PYTHONPATH": str(REPOSITORY / "deploy"),
            "PORT": str(self.port),
            "LOCAL_DIR": str(folder),
            "TRUSTED_PROXIES": "127.0.0.1",
        }  # fmt: skip
        self.command = [*prefix, sys.executable, "-m", "local"]
        self.output: list[str] = []
        self.client = httpx.Client(base_url=self.url, timeout=30)
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> "LocalStack":
        """Starts it and collects its output; does not wait. A new one remembers the trials that others have made."""
        if not self.folder.exists() and not self.prefix and passed_trials:
            (self.folder / "journal").mkdir(parents=True)
            (self.folder / PASSED_TRIALS).write_text("".join(sorted(passed_trials)))
        self.process = subprocess.Popen(
            self.command, cwd=REPOSITORY, env=self.environment, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
        )  # fmt: skip
        self.collector = threading.Thread(target=self._collect, args=(self.process,), daemon=True)
        self.collector.start()
        return self

    def _collect(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.output.append(line)

    def start(self) -> "LocalStack":
        """Starts it and waits until it says that everything is healthy; if it does not, nothing of it is left."""
        self.launch()
        try:
            wait_until(self.said(READY), "everything to be healthy", self.still_runs, START_SECONDS)
        except TimeoutError as error:
            self.end()
            raise RuntimeError(f"{error}, and it said:\n{''.join(self.output[-60:])}") from None
        except BaseException:
            self.end()
            raise
        if (trials := self.folder / PASSED_TRIALS).exists():
            passed_trials.update(trials.read_text().splitlines(keepends=True))
        return self

    def said(self, pattern: re.Pattern[str]):
        return lambda: any(pattern.search(line) for line in list(self.output))

    def still_runs(self) -> None:
        assert self.process is not None
        if self.process.poll() is not None:
            self.collector.join(5)
            raise RuntimeError(f"ended with {self.process.returncode}:\n{''.join(self.output[-40:])}")

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ends it with a signal; returns its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(END_SECONDS)

    def processes(self) -> list[psutil.Process]:
        """Every process that belongs to this stack."""
        return leftovers(self.folder.resolve())

    def process_of(self, module: str) -> psutil.Process:
        """The process of a service, a store or supervisord."""
        return next(process for process in self.processes() if any(module in word for word in command_of(process)[:4]))

    def health(self) -> dict:
        try:
            return self.client.get("/health").json()
        except httpx.HTTPError:
            return {}

    def is_healthy(self) -> bool:
        return self.health().get("status") == "ok"


def command_of(process: psutil.Process) -> list[str]:
    """The command line; empty when the process has just ended."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
