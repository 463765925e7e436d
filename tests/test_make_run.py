"""`make run`: starts from nothing, restarts what dies, ends clean, and says in one line why it cannot start."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from shared.embedded.unprivileged import give_to_unprivileged, unprivileged
from shared.processes.waiting import wait_until
from tests.stack import LocalStack

SENTENCE = {"text": "What a wonderful little server!"}


HANGS_AT_A_SIGNAL = """
import signal, threading

def wait_for_ever(*_):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()

signal.signal(signal.SIGUSR2, wait_for_ever)
"""
"""Every Python process of the stack runs this first (as sitecustomize)."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "local"
    for process in LocalStack(tmp_path / "local").processes():
        process.kill()


def count(stack: LocalStack) -> int:
    return httpx.get(f"{stack.url}/metrics/count").json()["total_predictions"]


def predict(stack: LocalStack) -> None:
    httpx.post(f"{stack.url}/predict", json=SENTENCE).raise_for_status()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_data_stays_over_an_orderly_end_that_leaves_nothing_behind(folder: Path, ending: signal.Signals) -> None:
    first = LocalStack(folder).start()
    predict(first)
    assert f"http://localhost:{first.port}" in "".join(first.output)
    assert first.end(ending) == 0
    assert first.processes() == []
    second = LocalStack(folder).start()
    assert count(second) == 1
    assert second.end() == 0


@pytest.mark.faults
def test_after_kill_minus_9_the_next_run_simply_works(folder: Path) -> None:
    first = LocalStack(folder).start()
    predict(first)
    assert first.process is not None
    first.process.kill()
    first.process.wait()
    assert first.processes() != []
    second = LocalStack(folder, port=first.port).start()
    assert "earlier run" in "".join(second.output)
    assert count(second) == 1
    second.end()
    assert second.processes() == []


@pytest.mark.faults
def test_when_supervisord_is_killed_everything_ends_with_one_line(folder: Path) -> None:
    stack = LocalStack(folder).start()
    stack.process_of("supervisor").kill()
    assert stack.process is not None
    assert stack.process.wait(10) == 1
    assert stack.processes() == []
    wait_until(lambda: stack.output[-1].startswith("make run: the supervisor ended"), "the line that says why")


@pytest.mark.faults
@pytest.mark.parametrize(
    "program", ["postgres", "valkey", "gateway", "prediction_service", "metrics_service", "analytics_service"]
)
def test_what_dies_is_started_again(stack: LocalStack, program: str) -> None:
    victim = stack.process_of(program)
    victim.kill()
    psutil.wait_procs([victim], timeout=10)
    wait_until(stack.is_healthy, f"{program} to be back", deadline_seconds=30)
    assert stack.process_of(program).pid != victim.pid
    predict(stack)


@pytest.mark.faults
@pytest.mark.parametrize("module", ["gateway", "prediction_service", "metrics_service", "analytics_service"])
def test_what_hangs_ends_itself_with_its_stacks_and_is_started_again(folder: Path, tmp_path: Path, module: str) -> None:
    """Its event loop waits for a lock that nobody gives back: from outside it looks alive."""
    (tmp_path / "sitecustomize.py").write_text(HANGS_AT_A_SIGNAL)
    stack = LocalStack(folder, HANG_TIMEOUT_SECONDS="5", LOG_FORMAT="json")
    stack.environment["PYTHONPATH"] += f"{os.pathsep}{tmp_path}"
    stack.start()
    try:
        victim = stack.process_of(module)
        victim.send_signal(signal.SIGUSR2)
        psutil.wait_procs([victim], timeout=30)
        assert not victim.is_running()
        wait_until(stack.is_healthy, f"{module} to be back", deadline_seconds=30)
        assert stack.process_of(module).pid != victim.pid
        (line,) = [line for line in stack.output if "the event loop stands still" in line]
        assert "wait_for_ever" in line, "the log says where it hung"
        predict(stack)
    finally:
        stack.end()


@pytest.mark.faults
@pytest.mark.parametrize("module", ["prediction_service", "gateway"])
def test_what_was_stopped_and_goes_on_is_left_alone(stack: LocalStack, module: str) -> None:
    """Time in which a process does not run does not count, or a suspended machine would wake up to a massacre."""
    paused = stack.process_of(module)
    paused.suspend()
    try:
        wait_until(lambda: not stack.is_healthy(), "the others to notice", deadline_seconds=30)
    finally:
        paused.resume()
    wait_until(stack.is_healthy, "it to go on", deadline_seconds=30)
    assert stack.process_of(module).pid == paused.pid


def test_two_stacks_run_side_by_side(stack: LocalStack, folder: Path) -> None:
    before = count(stack)
    other = LocalStack(folder).start()
    predict(other)
    assert count(other) == 1
    assert count(stack) == before
    other.end()


def test_an_ordinary_user_can_run_it(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("this is an ordinary user already: every other test shows it")
    interpreter = Path(sys.executable).resolve()
    if subprocess.run([*unprivileged([]), "test", "-x", str(interpreter)], check=False).returncode != 0:
        pytest.skip(f"{interpreter} lies in a folder that no other user may enter")
    folder.mkdir()
    give_to_unprivileged(folder)
    stack = LocalStack(folder, prefix=tuple(unprivileged([]))).start()
    predict(stack)
    assert {process.username() for process in stack.processes()} == {"nobody"}
    assert stack.end() == 0


def refused(stack: LocalStack) -> str:
    """What a stack prints that cannot start: one line."""
    assert stack.launch().process.wait(20) != 0
    wait_until(lambda: bool(stack.output), "the line that says why")
    assert len(stack.output) == 1
    assert stack.processes() == []
    return stack.output[0]


def test_a_port_that_is_taken_is_one_line(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refused(LocalStack(folder, port=port)) == (
            f"make run: PORT: {port} is taken on 127.0.0.1; choose another with PORT=\n"
        )


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot write to" in refused(LocalStack(tmp_path / "file"))


def test_a_second_run_in_the_same_folder_is_one_line(stack: LocalStack) -> None:
    second = LocalStack(stack.folder)
    assert second.launch().process.wait(20) == 1
    wait_until(lambda: bool(second.output), "the line that says why")
    assert "a stack is running in" in second.output[0]
    assert stack.is_healthy()


def test_make_without_a_target_lists_every_target() -> None:
    makefile = Path(__file__).parent.parent / "Makefile"
    declared = {
        target
        for line in makefile.read_text().splitlines()
        if line.startswith(".PHONY: ")
        for target in line.removeprefix(".PHONY: ").split()
    }
    listed = subprocess.run(["make", "help"], cwd=makefile.parent, capture_output=True, text=True, check=True).stdout
    assert all(f"make {target} " in listed for target in declared)
