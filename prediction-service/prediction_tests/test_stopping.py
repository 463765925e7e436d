"""A service that stops says so to clients of the Open Inference Protocol too, while it still answers."""

import os
import signal
from pathlib import Path

import httpx

from prediction_tests.process import service_process
from shared.processes.waiting import wait_until
from shared.testing.postgres import Database


def test_after_the_signal_the_server_is_not_ready_but_live(database: Database, tmp_path: Path) -> None:
    process = service_process(database, tmp_path, SHUTDOWN_DELAY_SECONDS="8", SHUTDOWN_GRACE_SECONDS="1")
    process.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{process.port}/v2/health") as client:
            wait_until(lambda: client.get("/ready").status_code == 200, "the service to be ready")
            os.kill(process.pid, signal.SIGTERM)
            wait_until(lambda: client.get("/ready").status_code == 503, "the service to be not ready")
            assert client.get("/ready").json() == {"ready": False}
            assert client.get("/live").json() == {"live": True}
    finally:
        process.kill()
