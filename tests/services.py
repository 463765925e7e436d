"""The three services that use Postgres, as processes, on whatever database a test gives them."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

import httpx

from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.processes.waiting import wait_until
from tests.stack import REPOSITORY, START_SECONDS

MODEL = "sentiment-lexicon"
ROLES = {"prediction-service": "prediction_service", "metrics-service": "metrics_service", "gateway": "gateway"}


class Services:
    """`with` they run; `url_of(role)` is the database as a role sees it."""

    def __init__(self, folder: Path, url_of: Callable[[str], str], **environment: str) -> None:
        ports = free_ports()
        self.ports = {name: next(ports) for name in ROLES}
        self.folder = folder
        self.processes = {
            name: ServerProcess(
                [sys.executable, "-m", module],
                self.ports[name],
                folder / f"{name}.log",
                os.environ | environment | {
                    "PORT": str(self.ports[name]),
                    "DATABASE_URL": url_of(module),
                    "MODELS_DIR": str(REPOSITORY / "models"),
                    "DEFAULT_MODEL": MODEL,
                    "JOURNAL_DIR": str(folder / "journal"),
                    "PREDICTION_URL": f"http://127.0.0.1:{self.ports['prediction-service']}",
                    "METRICS_URL": f"http://127.0.0.1:{self.ports['metrics-service']}",
                    "TRUSTED_PROXIES": "127.0.0.1",
                },
            )
            for name, module in ROLES.items()
        }  # fmt: skip

    @property
    def url(self) -> str:
        """The gateway's."""
        return f"http://127.0.0.1:{self.ports['gateway']}"

    def __enter__(self) -> Self:
        for process in self.processes.values():
            process.start(deadline_seconds=START_SECONDS)
        wait_until(self.are_well, "the services to be well", deadline_seconds=60)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.stop()

    def are_well(self) -> bool:
        """Whether each says that all is well, analytics left out: it is not here."""
        answers = [self.health(name) for name in self.processes if name != "gateway"]
        shared = self.health("gateway").get("services", {}).get("gateway", {})
        return all(answer.get("status") == "ok" for answer in (*answers, shared))

    def health(self, name: str) -> dict:
        """What a service says of itself, empty when it says nothing."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.ports[name]}/health", timeout=3).json()
        except (httpx.HTTPError, ValueError):
            return {}

    def log(self) -> str:
        """All that they wrote."""
        return "".join(process.log.read_text(errors="replace") for process in self.processes.values())
