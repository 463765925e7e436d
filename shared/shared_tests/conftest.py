import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess

StartEcho = Callable[..., ServerProcess]
Start = Callable[..., ServerProcess]
SERVICE, SLOW_SERVICE = (Path(__file__).parent / f"{name}_service.py" for name in ("echo", "slow"))


@pytest.fixture(scope="module")
def start_echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartEcho]:
    """Starts echo services with settings of the test's choice. None may say anything about what strangers send."""
    servers: list[ServerProcess] = []

    def start(**settings: object) -> ServerProcess:
        port = next(free_ports())
        environment = {name: str(value) for name, value in settings.items()}
        server = ServerProcess(
            [sys.executable, str(SERVICE)], port, tmp_path_factory.mktemp("echo") / "log",
            {**os.environ, "LOG_LEVEL": "WARNING", **environment, "PORT": str(port)},
        )  # fmt: skip
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.still_runs()
        server.stop()
        assert server.log.read_text() == ""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the slow service with variables of the test's choice; its metrics have a port of their own."""
    servers: list[ServerProcess] = []

    def start(**variables: str) -> ServerProcess:
        ports = free_ports()
        environment = os.environ | {"PORT": str(next(ports)), "TELEMETRY_PORT": str(next(ports))} | variables
        port = int(environment["PORT"])
        server = ServerProcess([sys.executable, str(SLOW_SERVICE)], port, tmp_path / "log", environment)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.kill()
