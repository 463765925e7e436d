"""A process that hangs ends itself and says what it was doing; one that is slow, busy or was stopped does not."""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.service.liveness import EXIT_HUNG, Liveness

HANGING_SERVICE = str(Path(__file__).parent / "hanging_service.py")
HANG_SECONDS = 2
"""Less than the three seconds that the start takes."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServerProcess]:
    port = next(free_ports())
    environment = os.environ | {"PORT": str(port), "HANG_TIMEOUT_SECONDS": str(HANG_SECONDS)}
    server = ServerProcess([sys.executable, HANGING_SERVICE], port, tmp_path / "log", environment)
    server.start()
    yield server
    server.kill()


def ask(server: ServerProcess, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{server.port}{path}", timeout=60)


def exit_code_after(server: ServerProcess, path: str) -> int:
    """That of the process once somebody asked for `path`."""

    def ask_in_vain() -> None:
        with contextlib.suppress(httpx.HTTPError):
            ask(server, path)

    threading.Thread(target=ask_in_vain, daemon=True).start()
    assert server.process is not None
    return server.process.wait(HANG_SECONDS * ((os.cpu_count() or 1) + 10))


@pytest.mark.parametrize(
    ("path", "function"),
    [("/sleep", "sleep_in_the_loop"), ("/loop", "loop_without_end"), ("/lock", "wait_for_a_lock")],
)
def test_a_loop_that_stands_still_ends_the_process_and_the_log_says_where(
    service: ServerProcess, path: str, function: str
) -> None:
    assert exit_code_after(service, path) == EXIT_HUNG
    (line,) = [json.loads(line) for line in service.log.read_text().splitlines() if "stands still" in line]
    assert line["level"] == "critical"
    assert line["service"] == "hanging"
    assert any(frame.endswith(function) for frame in line["stacks"]["MainThread"])
    others = [json.loads(line) for line in service.log.read_text().splitlines() if "beside the event loop" in line]
    assert any("liveness" in line["stacks"] for line in others)
    assert not any("shortened" in told for told in (line, *others))


def test_so_does_code_that_keeps_the_interpreter_to_itself(service: ServerProcess) -> None:
    assert exit_code_after(service, "/expression") == -signal.SIGPROF
    assert "evaluate_a_bad_expression" in service.log.read_text()


def test_a_start_that_takes_longer_is_no_hang(service: ServerProcess) -> None:
    assert ask(service, "/health/live").json() == {"live": True}


def test_neither_is_a_busy_loop_nor_a_process_that_was_stopped_and_goes_on(service: ServerProcess) -> None:
    assert ask(service, f"/busy?seconds={HANG_SECONDS * 2}").json() == "done"
    for _ in range(2):
        service.pause()
        time.sleep(HANG_SECONDS * 2)
        service.resume()
        assert ask(service, "/health/live").json() == {"live": True}


async def test_a_loop_that_came_to_its_end_is_watched_no_more() -> None:
    """As with a server within a process that goes on, such as one of these tests."""
    liveness = Liveness(0.5)
    liveness.start()
    assert signal.getitimer(signal.ITIMER_PROF)[0] > 0
    liveness.stop()
    assert signal.getitimer(signal.ITIMER_PROF)[0] == 0
    time.sleep(3)  # noqa: ASYNC251 - it would end this process
    assert not any(thread.name == "liveness" for thread in threading.enumerate())
