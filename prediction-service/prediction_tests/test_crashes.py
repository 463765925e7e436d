"""A model that crashes the service at a text is skipped after the second time, with the reason; what did not is not."""

import contextlib
import ctypes
import platform
import signal
import sys
import threading
from pathlib import Path

import httpx
import psutil
import pytest

from prediction_service.batching.runtime import ModelError
from prediction_service.models.crashes import MOST_CRASHES, SLOT_BYTES, SLOTS, Crashes, read_counts, suspects
from prediction_tests.hostile_models import SLEEPERS, TRIGGER, drop_in, model
from prediction_tests.process import service_process
from prediction_tests.service import QUICK_DEFAULT, QUICK_MODELS
from shared.processes.server import ServerProcess
from shared.processes.waiting import wait_until
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database

DIGESTS = [f"sha256:{number:064x}" for number in range(3)]
SYS_TGKILL = 234
"""On x86-64; 131 on others."""


def ask(server: ServerProcess, name: str, text: str) -> httpx.Response:
    body = {"text": text, "model_name": name}
    return httpx.post(f"http://127.0.0.1:{server.port}/predict", json=body, timeout=30)


def folders(server: ServerProcess) -> dict[str, str]:
    """Folder or model → reason, or its state where there is none."""
    listed = httpx.get(f"http://127.0.0.1:{server.port}/models", timeout=30).json()
    return {model["name"]: model["state"] for model in listed["models"]} | {
        entry["folder"].split("/")[0]: entry.get("reason") or entry["state"]
        for entry in [*listed["skipped"], *listed["waiting"]]
    }


def is_ready(server: ServerProcess) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{server.port}/health/ready", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def crash_in_its_call(server: ServerProcess, name: str) -> None:
    """The thread that computes for a model gets what the system sends to one that reads where nothing is."""
    process = psutil.Process(server.process.pid)
    before = {thread.id: thread.user_time for thread in process.threads()}

    def ask_in_vain() -> None:
        with contextlib.suppress(httpx.HTTPError):
            ask(server, name, TRIGGER)

    asking = threading.Thread(target=ask_in_vain)
    asking.start()

    def busiest() -> int | None:
        spent = {thread.id: thread.user_time - before.get(thread.id, 0.0) for thread in process.threads()}
        found = max(spent, key=lambda thread: spent[thread])
        return found if spent[found] > 0.5 else None

    wait_until(lambda: busiest() is not None, "the call to compute")
    number = SYS_TGKILL if "x86" in platform.machine() else 131
    ctypes.CDLL(None).syscall(number, process.pid, busiest(), int(signal.SIGSEGV))
    assert server.process.wait(20) == -signal.SIGSEGV
    asking.join(20)


@pytest.mark.faults
@pytest.mark.timeout(180)
@pytest.mark.skipif(sys.platform != "linux", reason="a signal for one thread of another process")
def test_a_model_that_crashes_the_service_does_so_twice_at_most(database: Database, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / QUICK_DEFAULT).symlink_to((QUICK_MODELS / QUICK_DEFAULT).resolve())
    drop_in(models, "good", model("even"))
    drop_in(models, "sleeper", model(SLEEPERS["sleeping-endless"], "[batching]\nworkers = 1"))
    (tmp_path / "journal").mkdir()
    variables = {"MODELS_DIR": str(models), "ADMIN_TOKEN": ADMIN["Authorization"].split()[1]}
    server = service_process(database, tmp_path, **variables)
    try:
        for _ in range(MOST_CRASHES):
            server.start(lambda: is_ready(server))
            wait_until(lambda: folders(server).get("sleeper") == "ready", "it to be loaded")
            assert ask(server, "good", "Fine.").status_code == 200
            crash_in_its_call(server, "sleeper")
        server.start(lambda: is_ready(server))
        wait_until(lambda: folders(server)["good"] == "ready", "the good one to be loaded")
        wait_until(lambda: "crashed the whole service 2 times" in folders(server)["sleeper"], "it to be skipped")
        assert "the process before crashed" in server.log.read_text()
        assert ask(server, "good", "Fine.").status_code == 200

        loaded = httpx.post(
            f"http://127.0.0.1:{server.port}/v2/repository/models/sleeper/load", json={}, headers=ADMIN, timeout=60
        )
        assert loaded.status_code == 200, "whoever loads it by hand means it"
        assert folders(server)["sleeper"] == "ready"
        server.kill()
        server.start(lambda: is_ready(server))
        wait_until(lambda: folders(server)["sleeper"] == "ready", "a process that was killed accuses nobody")
    finally:
        server.kill()


def file_with(called: dict[int, str], stack: str) -> bytes:
    marks = b"".join(f"{thread:016x} {digest}".encode().ljust(SLOT_BYTES, b"\0") for thread, digest in called.items())
    return marks.ljust(SLOTS * SLOT_BYTES, b"\0") + stack.encode()


FATAL = "Fatal Python error: Segmentation fault\n\n"


@pytest.mark.parametrize(
    ("stack", "counted"),
    [
        ("", []),
        ("Current thread 0x0000000000000011 (most recent call first):", []),
        (FATAL + "Current thread 0x0000000000000011 (most recent call first):", [DIGESTS[0]]),
        (FATAL + "Current thread 0x0000000000000099 (most recent call first):", []),
        (FATAL + "Thread 0x0000000000000011 (most recent call first):", DIGESTS[:2]),
    ],
)
def test_who_was_called_by_the_thread_that_crashed_is_counted(tmp_path: Path, stack: str, counted: list[str]) -> None:
    (tmp_path / "1.calls").write_bytes(file_with({0x11: DIGESTS[0], 0x12: DIGESTS[1]}, stack))
    for _ in range(2):
        with Crashes(tmp_path).watching():
            pass
    assert read_counts(tmp_path / "crashes.json") == dict.fromkeys(counted, 1), "each file counts once"


def test_what_is_called_no_more_is_not_suspected_and_living_processes_are_left_alone(tmp_path: Path) -> None:
    crashes = Crashes(tmp_path)
    with crashes.watching():
        (file,) = tmp_path.glob("*.calls")
        with crashes.calling(DIGESTS[0]):
            assert suspects(file.read_bytes(), b"") == {DIGESTS[0]}
            with Crashes(tmp_path).watching():
                assert file.exists(), "it is held by a process that lives"
        assert suspects(file.read_bytes(), b"") == set()
    assert not list(tmp_path.glob("*.calls"))


@pytest.mark.parametrize("junk", [b"", b"[]", b"null", b'{"a": "b"}', b"\xff", b"[" * 100_000])
def test_a_list_that_cannot_be_read_is_none(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / "crashes.json").write_bytes(junk)
    (tmp_path / "2.calls").write_bytes(junk + FATAL.encode())
    crashes = Crashes(tmp_path)
    with crashes.watching(), crashes.calling(DIGESTS[0]):
        crashes.check(DIGESTS[0])


def test_too_many_crashes_are_told_and_forgiven(tmp_path: Path) -> None:
    for number in range(MOST_CRASHES):
        (tmp_path / f"{number}.calls").write_bytes(
            file_with({0x11: DIGESTS[0]}, FATAL + "Current thread 0x0000000000000011")
        )
    crashes = Crashes(tmp_path)
    with crashes.watching():
        with pytest.raises(ModelError, match="crashed the whole service 2 times"):
            crashes.check(DIGESTS[0])
        crashes.check(DIGESTS[1])
        crashes.forgive(DIGESTS[0])
        crashes.check(DIGESTS[0])
    assert read_counts(tmp_path / "crashes.json") == {}


def test_a_folder_that_is_not_there_costs_nothing(tmp_path: Path) -> None:
    for crashes in (Crashes(None), Crashes(tmp_path / "nowhere")):
        with crashes.watching(), crashes.calling(DIGESTS[0]):
            crashes.check(DIGESTS[0])
            crashes.forgive(DIGESTS[0])
