"""Child processes: started, waited for and ended, with all that they start."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from shared.embedded.ports import free_ports
from shared.processes import tree
from shared.processes.server import ServerProcess
from shared.processes.waiting import accepts, wait_until

MARK = "PROCESSES_OF_A_TEST"
SLEEP = "import time; time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
POLITE = f"""
import signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda number, _: sys.exit(print(signal.Signals(number).name, flush=True)))
print("ready", flush=True)
{SLEEP}
"""
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEP!r}], start_new_session=True)"
FORGETFUL = PARENT.replace("start_new_session", "env={}, start_new_session")


@pytest.fixture
def mark() -> Iterator[str]:
    value = secrets.token_hex(8)
    yield value
    tree.kill(tree.with_descendants(tree.marked(MARK, value)))


def started(code: str, mark: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code], env=os.environ | {MARK: mark}, stdout=subprocess.PIPE)


def server(folder: Path, *command: str) -> ServerProcess:
    return ServerProcess([sys.executable, *command], next(free_ports()), folder / "log")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[ServerProcess]:
    port = next(free_ports())
    web = ServerProcess(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"],
        port,
        tmp_path / "log",
        working_folder=tmp_path,
    )
    web.start()
    yield web
    web.kill()


def test_a_server_is_there_once_it_was_started_and_gone_once_it_was_stopped(web: ServerProcess) -> None:
    assert accepts(web.port)
    assert psutil.Process(web.pid).cwd() == str(web.working_folder)
    assert web.stop() == -signal.SIGTERM
    assert not accepts(web.port)
    with pytest.raises(RuntimeError, match="exit code -15"):
        web.still_runs()


def test_a_server_that_was_killed_starts_again_on_its_port(web: ServerProcess) -> None:
    first = web.pid
    web.kill()
    web.start()
    assert accepts(web.port)
    assert web.pid != first


def test_one_that_stands_still_can_be_stopped(web: ServerProcess) -> None:
    web.pause()
    wait_until(lambda: psutil.Process(web.pid).status() == psutil.STATUS_STOPPED, "it to stand still")
    web.resume()
    wait_until(lambda: psutil.Process(web.pid).status() != psutil.STATUS_STOPPED, "it to go on")
    web.pause()
    assert web.stop() == -signal.SIGTERM


def test_what_was_never_started_is_stopped_already(tmp_path: Path) -> None:
    never = server(tmp_path, "-c", SLEEP)
    assert never.stop() == 0
    with pytest.raises(RuntimeError, match="not started"):
        _ = never.pid


def test_a_server_that_ends_by_itself_is_told_of_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no licence"):
        server(tmp_path, "-c", "raise SystemExit('no licence')").start()


def test_a_server_that_takes_too_long_is_told_of_with_its_last_words(tmp_path: Path) -> None:
    slow = server(tmp_path, "-c", f"print('still thinking', flush=True); {SLEEP}")
    with pytest.raises(RuntimeError, match=r"waited 2 s for .*\n*still thinking"):
        slow.start(deadline_seconds=2)
    slow.kill()


def test_a_server_that_does_not_listen_is_ended_by_force(tmp_path: Path) -> None:
    stubborn = server(tmp_path, "-c", STUBBORN)
    stubborn.start(lambda: "deaf" in stubborn.last_words())
    assert stubborn.stop(grace_seconds=0.2) == -signal.SIGKILL


def test_waiting_ends_with_what_is_wrong_meanwhile() -> None:
    def check() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        wait_until(lambda: False, "ever", check)
    with pytest.raises(TimeoutError, match=r"waited 0\.1 s for ever"):
        wait_until(lambda: False, "ever", deadline_seconds=0.1)


def test_the_marked_ones_are_found_oldest_first_and_nobody_else(mark: str) -> None:
    first = started(PARENT, mark)
    wait_until(lambda: len(tree.marked(MARK, mark)) == 2, "its child")
    other = started(SLEEP, mark + "0")
    found = tree.marked(MARK, mark)
    assert found[0].pid == first.pid
    assert other.pid not in [process.pid for process in found]
    tree.kill([psutil.Process(other.pid)])


def test_this_process_and_its_parents_are_never_found(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os; from shared.processes import tree; print(tree.marked('" + MARK + "', 'ours'))"
    monkeypatch.setenv(MARK, "ours")
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ended.stdout.strip() == "[]"


def test_a_child_without_the_mark_belongs_to_its_parent(mark: str) -> None:
    started(FORGETFUL, mark)
    wait_until(lambda: len(tree.with_descendants(tree.marked(MARK, mark))) == 2, "its child")
    everyone = tree.with_descendants(tree.marked(MARK, mark))
    assert len(tree.marked(MARK, mark)) == 1
    tree.kill(everyone)
    assert not any(runs(process) for process in everyone)


def test_each_is_asked_in_its_way_and_the_stubborn_are_forced(mark: str) -> None:
    polite, interrupted, stubborn = (started(code, mark) for code in (POLITE, POLITE, STUBBORN))
    assert [line_of(each) for each in (polite, interrupted, stubborn)] == ["ready", "ready", "deaf"]
    marked = tree.marked(MARK, mark)
    tree.end(marked, 1, lambda each: signal.SIGINT if each.pid == interrupted.pid else signal.SIGTERM)
    assert [line_of(each) for each in (polite, interrupted, stubborn)] == ["SIGTERM", "SIGINT", ""]
    assert not any(runs(process) for process in marked)


def test_what_has_ended_meanwhile_is_no_trouble(mark: str) -> None:
    gone = psutil.Process(started("pass", mark).pid)
    wait_until(lambda: not runs(gone), "it to end")
    tree.send(gone, signal.SIGTERM)
    tree.end([gone], 1)
    assert not tree.carries(gone, MARK, mark)


def line_of(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
