"""The service as a process of its own, as it is run."""

import os
import sys
from pathlib import Path

from prediction_tests.service import QUICK_DEFAULT, QUICK_MODELS
from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.postgres import Database


def service_process(database: Database, folder: Path, **variables: str) -> ServerProcess:
    """Not started yet; its journal and log are below `folder`."""
    port = next(free_ports())
    environment = {
        **os.environ,
        "PORT": str(port),
        "DATABASE_URL": database.url("prediction_service").get_secret_value(),
        "MODELS_DIR": str(QUICK_MODELS),
        "DEFAULT_MODEL": QUICK_DEFAULT,
        "JOURNAL_DIR": str(folder / "journal"),
        **variables,
    }
    return ServerProcess([sys.executable, "-m", "prediction_service"], port, folder / "service.log", environment)
