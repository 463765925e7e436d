"""What a Python model cannot do, whatever it tries: read secrets, write files, reach the service or another model."""

import asyncio
import json
import os
import pwd
import sys
from pathlib import Path
from typing import Any

import pytest

from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.loader import QueueBounds, load_model
from prediction_service.models.runtimes.python.launch import ENVIRONMENT
from prediction_service.models.runtimes.python.model_worker import landlock
from prediction_tests.gated_model import STAYS
from prediction_tests.python_models import python_model, workers
from shared.embedded.unprivileged import USER, unprivileged

HAS_LANDLOCK = landlock.rules([], []) is not None

needs_landlock = pytest.mark.skipif(not HAS_LANDLOCK, reason="this system has no Landlock")

MANIFEST = """
task_type = "generic"
[runtime]
kind = "python"
[[inputs]]
name = "do"
type = "text"
[[inputs]]
name = "with"
type = "text"
"""

PROBE = """
import os, resource


def predict(rows):
    return [{"found": tried(row["do"], row["with"])} for row in rows]


def tried(what, argument):
    try:
        return globals()[what](argument) if what in globals() else None
    except (OSError, ImportError) as error:
        return type(error).__name__


def environment(_):
    return dict(os.environ)


def who(_):
    return [os.getresuid(), os.getresgid(), os.getgroups()]


def read(path):
    with open(path, "rb") as file:
        return file.read(1000).decode(errors="replace")


def write(path):
    with open(os.path.join(path, "written"), "w") as file:
        file.write("x")
    return "written"


def make(path):
    os.mkdir(os.path.join(path, "made"))
    return "made"


def remove(path):
    os.remove(path)
    return "removed"


def kill(process):
    os.kill(int(process), 9)
    return "killed"


def imports(name):
    return __import__(name).__file__


def descriptors(_):
    numbers = os.listdir("/proc/self/fd")  # that of the list itself among them
    paths = [f"/proc/self/fd/{number}" for number in numbers]
    return sorted(os.readlink(path).split(":")[0] for path in paths if os.path.lexists(path))


def limits(_):
    return [resource.getrlimit(resource.RLIMIT_CORE)[1], resource.getrlimit(resource.RLIMIT_FSIZE)[1]]
"""


async def probed(root: Path, *wanted: tuple[str, object]) -> list[Any]:
    """What the model finds when it tries these."""
    path = root / "probe" / "1.0.0"
    if not path.exists():
        python_model(root, PROBE, MANIFEST, "probe")
    model = await asyncio.to_thread(load_model, ModelFolder("probe", "1.0.0", path), QueueBounds(1024, 20.0))
    try:
        results = await model.batcher.run([(what, str(argument)) for what, argument in wanted], STAYS)
        return [result.output["found"] for result in results]
    finally:
        await model.batcher.close()


async def test_its_environment_is_ours_and_holds_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("ADMIN_TOKEN", "secret")
    (found,) = await probed(tmp_path, ("environment", ""))
    assert found.items() <= {**ENVIRONMENT, "LC_CTYPE": "C.UTF-8"}.items()
    assert found["ORT_DISABLE_TELEMETRY"] == "1"


async def test_it_has_no_file_of_the_service_open(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w"):
        (found,) = await probed(tmp_path, ("descriptors", ""))
    assert [kind for kind in found if kind not in {"/dev/null", "pipe", "socket"}] == []
    assert len(found) <= 4


async def test_it_leaves_no_core_and_writes_no_file(tmp_path: Path) -> None:
    folders = [tmp_path, tmp_path / "probe" / "1.0.0", "/tmp", "/dev/shm", "/var/tmp"]
    found = await probed(tmp_path, ("limits", ""), *(("write", folder) for folder in folders))
    assert found[0] == [0, 0]
    assert "written" not in found[1:]


@pytest.mark.parametrize("name", ["prediction_service", "shared", "prediction_tests", "gateway"])
async def test_it_cannot_import_the_service(tmp_path: Path, name: str) -> None:
    assert await probed(tmp_path, ("imports", name)) == ["ModuleNotFoundError"]


async def test_a_module_of_its_own_may_have_the_name_of_one_of_the_service(tmp_path: Path) -> None:
    path = python_model(tmp_path, PROBE, MANIFEST, "probe", shared="x = 1")
    assert await probed(tmp_path, ("imports", "shared")) == [str(path / "shared.py")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
async def test_under_root_each_worker_is_a_user_of_its_own(tmp_path: Path) -> None:
    found = [(await probed(tmp_path, ("who", "")))[0] for _ in range(2)]
    users = {tuple(user) for user, _, _ in found}
    assert len(users) == 2
    for user, group, groups in found:
        assert set(user) == set(group) == {user[0]}
        assert user[0] > 1000
        assert groups == []


def forbidden(tmp_path: Path) -> list[tuple[str, object]]:
    """What it may not do to others, and must find out."""
    secret = tmp_path / "secret"
    if not secret.exists():
        secret.write_text("the password")
        secret.chmod(0o600)
    me = os.getpid()
    return [
        ("read", secret), ("read", f"/proc/{me}/environ"), ("read", f"/proc/{me}/mem"), ("read", "/etc/shadow"),
        ("remove", secret), ("make", tmp_path), ("kill", me), ("kill", os.getppid()),
    ]  # fmt: skip


@needs_landlock
async def test_it_reads_no_secret_of_the_service_and_cannot_end_it(tmp_path: Path) -> None:
    found = await probed(tmp_path, *forbidden(tmp_path))
    assert set(found) <= {"PermissionError", "FileNotFoundError"}, found
    assert (tmp_path / "secret").read_text() == "the password"


async def test_it_cannot_end_another_model(tmp_path: Path) -> None:
    other = await asyncio.to_thread(
        load_model,
        ModelFolder("other", "1.0.0", python_model(tmp_path, PROBE, MANIFEST, "other")),
        QueueBounds(1024, 20.0),
    )
    try:
        (worker,) = workers()
        guardian = worker.parent()
        assert await probed(tmp_path, ("kill", worker.pid), ("kill", guardian.pid)) == ["PermissionError"] * 2
        assert worker.is_running()
    finally:
        await other.batcher.close()


ORDINARY = """
import asyncio, json, os, sys
from pathlib import Path
from prediction_tests.test_python_models_are_confined import forbidden, probed

root = Path(sys.argv[1])
found = asyncio.run(probed(root, ("who", ""), ("limits", ""), *forbidden(root)))
print(json.dumps([os.getuid(), found]), file=sys.stderr)
"""


@needs_landlock
@pytest.mark.skipif(os.geteuid() != 0, reason="the tests above are about an ordinary user then")
async def test_a_service_that_is_no_root_is_as_safe(tmp_path: Path) -> None:
    python_model(tmp_path, PROBE, MANIFEST, "probe")
    os.chmod(tmp_path, 0o777)  # noqa: PTH101, S103 - the other user makes a file there
    command = unprivileged([sys.executable, "-c", ORDINARY, str(tmp_path)])
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    process = await asyncio.create_subprocess_exec(
        *command, stderr=asyncio.subprocess.PIPE, env=environment, cwd=Path(__file__).parents[1]
    )
    _, told = await process.communicate()
    assert process.returncode == 0, told.decode()
    user, (who, limits, *found) = json.loads(told.decode().splitlines()[-1])
    assert user == pwd.getpwnam(USER).pw_uid
    assert who[0][0] == user
    assert limits == [0, 0]
    assert set(found) <= {"PermissionError", "FileNotFoundError"}, found
