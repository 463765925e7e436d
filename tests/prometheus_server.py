"""A real Prometheus on the configuration that is shipped, only more often and on the ports of a test's stack."""

import re
import shutil
import time
from pathlib import Path
from typing import Any, Self

import httpx

from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.processes.waiting import wait_until
from shared.testing.debian import debian_program

SHIPPED = Path(__file__).parent.parent / "deploy" / "prometheus"
FIRST_PORT = 8010
"""Of the four in the shipped configuration."""


class PrometheusServer:
    """`with` it scrapes, every second. `first_port`: of the four ports with metrics."""

    def __init__(self, folder: Path, first_port: int) -> None:
        shutil.copy(SHIPPED / "alerts.yml", folder)
        config = (SHIPPED / "prometheus.yml").read_text()
        for number in range(4):
            config = config.replace(f"127.0.0.1:{FIRST_PORT + number}]", f"127.0.0.1:{first_port + number}]")
        config, changed = re.subn(r"_interval: 15s", "_interval: 1s", config)
        assert changed == 2
        (folder / "prometheus.yml").write_text(config)
        self.port = next(free_ports())
        self.url = f"http://127.0.0.1:{self.port}"
        command = [
            debian_program("prometheus", "prometheus"), f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{self.port}",
            "--enable-feature=exemplar-storage",
        ]  # fmt: skip
        self._process = ServerProcess(command, self.port, folder / "prometheus.log")
        self._client = httpx.Client(base_url=self.url, timeout=10)

    def __enter__(self) -> Self:
        self._process.start(ready=self.is_ready)
        wait_until(lambda: len(self.ask("up == 1")) == 4, "all services to be scraped", self._process.still_runs)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._process.stop()

    def is_ready(self) -> bool:
        try:
            return self._client.get("/-/ready").is_success
        except httpx.HTTPError:
            return False

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The samples of a query at this moment. Raises AssertionError with what is wrong with the query."""
        response = self._client.get("/api/v1/query", params={"query": query}).json()
        assert response["status"] == "success", f"{query}: {response}"
        return list(response["data"]["result"])

    def exemplars(self, query: str) -> set[str]:
        """The traces that exemplars of a query name, of all that Prometheus keeps."""
        asked = {"query": query, "start": 0, "end": time.time() + 1}
        response = self._client.get("/api/v1/query_exemplars", params=asked).json()
        assert response["status"] == "success", f"{query}: {response}"
        found = [one for series in response["data"] for one in series["exemplars"]]
        return {one["labels"]["trace_id"] for one in found}

    def rules(self) -> list[dict[str, Any]]:
        """Every alert rule, with its state and how it was evaluated."""
        groups = self._client.get("/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]
