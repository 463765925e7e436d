import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess

StartEcho = Callable[..., ServerProcess]
SERVICE = Path(__file__).parent / "echo_service.py"


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
