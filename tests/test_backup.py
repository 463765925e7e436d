"""A backup of one stack, restored into an empty one: the same counts, thresholds, feedback and models; no secrets."""

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from local.archive.form import DUMP, LIST, REVISION
from local.backup import SCHEMAS
from shared.database.schema_version import NEWEST_REVISION
from shared.database.tables import gateway, keys, metadata, metrics, predictions, rollups  # noqa: F401 - they register tables
from shared.processes.waiting import wait_until
from shared.testing.admin import ADMIN
from tests.stack import REPOSITORY, LocalStack

MODEL = "sentiment-lexicon"


def local(verb: str, file: Path, folder: Path, models: Path) -> subprocess.CompletedProcess[str]:
    """`make backup FILE=` or `make restore FILE=`."""
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY / "deploy"),
        "LOCAL_DIR": str(folder),
        "MODELS_DIR": str(models),
    }
    command = [sys.executable, "-m", "local", verb, str(file)]
    return subprocess.run(command, cwd=REPOSITORY, env=environment, text=True, capture_output=True, check=False)


def stack_in(folder: Path, models: Path) -> LocalStack:
    return LocalStack(folder, MODELS_DIR=str(models), DEFAULT_MODEL=MODEL)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    shutil.copytree(REPOSITORY / "models" / MODEL, tmp_path / "models" / MODEL)
    return tmp_path / "models"


def state_of(stack: LocalStack) -> dict[str, object]:
    """What must be the same afterwards."""
    client = stack.client
    aggregated = client.post("/metrics/aggregated", json={"time_window_minutes": 1440}).json()
    quality = client.post("/metrics/quality", json={"time_window_minutes": 1440}).json()
    return {
        "count": client.get("/metrics/count").json(),
        "aggregated": {name: value for name, value in aggregated.items() if not name.startswith("time_window")},
        "thresholds": client.get(f"/metrics/thresholds?model_name={MODEL}").json(),
        "quality": {name: value for name, value in quality.items() if not name.startswith("time_window")},
        "models": [(model["name"], model["version"]) for model in client.get("/models").json()["models"]],
    }


def use(stack: LocalStack) -> None:
    texts = [f"A {word} day number {number}." for number in range(40) for word in ("fine", "bad", "")]
    answer = stack.client.post("/predict/batch", json={"texts": texts}).json()
    for prediction in answer["predictions"][:5]:
        given = {"prediction_id": prediction["prediction_id"], "label": "negative"}
        assert stack.client.post("/feedback", json=given).status_code == 200
    change = {"max_inference_time_warning_ms": 123.5}
    changed = stack.client.put(f"/metrics/thresholds?model_name={MODEL}", json=change, headers=ADMIN)
    assert changed.status_code == 200


@pytest.mark.timeout(600)  # three starts of a whole stack
def test_a_stack_is_the_same_after_backup_and_restore_elsewhere(tmp_path: Path, models: Path) -> None:
    first = stack_in(tmp_path / "first", models).start()
    file = tmp_path / "backup.tar"
    try:
        use(first)
        before = state_of(first)
        done = local("backup", file, first.folder, models)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("make backup: 120 predictions")
        assert local("restore", file, first.folder, models).stderr.startswith("make restore: a stack is running")
        secrets = json.loads((first.folder / "secrets.json").read_text()).values()
    finally:
        first.end()
    assert file.stat().st_mode & 0o077 == 0
    assert not any(secret.encode() in file.read_bytes() for secret in secrets)

    done = local("backup", tmp_path / "stopped.tar", first.folder, models)
    assert done.stdout.startswith("make backup: 120 predictions"), "a stack that does not run is backed up as well"
    assert local("restore", file, first.folder, models).stderr.endswith("choose an empty LOCAL_DIR=\n")

    (tmp_path / "empty").mkdir()
    done = local("restore", file, tmp_path / "second", tmp_path / "empty")
    assert (done.returncode, done.stderr) == (0, "")
    second = stack_in(tmp_path / "second", tmp_path / "empty").start()
    try:
        assert state_of(second) == before
        use(second)  # it goes on from there
        assert second.client.get("/metrics/count").json() == {"total_predictions": 240}
    finally:
        second.end()


def changed(file: Path, into: Path, **contents: bytes) -> Path:
    """A backup with other contents of some members, and a list that says so."""
    names = {"revision": REVISION, "dump": DUMP}
    others = {names[name]: content for name, content in contents.items()}
    with tarfile.open(file) as archive, tarfile.open(into, "w") as output:
        for member in archive:
            content = others.get(member.name, archive.extractfile(member).read())
            if member.name == LIST:
                listed = json.loads(content)
                listed["files"] |= {name: hashlib.sha256(other).hexdigest() for name, other in others.items()}
                content = json.dumps(listed).encode()
            member.size = len(content)
            output.addfile(member, io.BytesIO(content))
    return into


def test_what_cannot_be_restored_changes_nothing_and_says_why(tmp_path: Path, models: Path) -> None:
    stack = stack_in(tmp_path / "first", models).start()
    stack.end()
    file = tmp_path / "backup.tar"
    assert local("backup", file, tmp_path / "first", models).returncode == 0

    def complaint(file: Path) -> str:
        done = local("restore", file, tmp_path / "second", models)
        assert done.returncode == 1
        return done.stderr

    assert "cannot be read" in complaint(tmp_path / "nowhere.tar")
    (tmp_path / "text").write_text("no tar")
    assert "cannot be read" in complaint(tmp_path / "text")
    assert "newer release" in complaint(changed(file, tmp_path / "newer.tar", revision=b"9999"))
    assert "no number" in complaint(changed(file, tmp_path / "odd.tar", revision=b"x'; DROP"))
    with tarfile.open(file) as archive:
        whole = archive.extractfile(DUMP).read()
    torn = changed(file, tmp_path / "torn.tar", dump=whole[: len(whole) // 2])
    assert "nothing was changed" in complaint(torn)
    assert local("restore", file, tmp_path / "second", models).returncode == 0


KILLED_BETWEEN = """
import os, pathlib, runpy, sys
rename = pathlib.Path.rename
pathlib.Path.rename = lambda path, to: os.kill(os.getpid(), 9) if path.suffix == ".part" else rename(path, to)
sys.argv = ["local", "restore", sys.argv[1]]
runpy.run_module("local", run_name="__main__")
"""


@pytest.mark.timeout(300)
def test_a_restore_that_was_killed_before_the_models_is_completed_when_it_is_repeated(
    tmp_path: Path, models: Path
) -> None:
    stack = stack_in(tmp_path / "first", models).start()
    try:
        assert stack.client.post("/predict", json={"text": "Fine."}).status_code == 200
        file, other = tmp_path / "backup.tar", tmp_path / "other.tar"
        assert local("backup", file, stack.folder, models).returncode == 0
        assert stack.client.post("/predict", json={"text": "Fine."}).status_code == 200
        assert local("backup", other, stack.folder, models).returncode == 0
    finally:
        stack.end()
    second, restored = tmp_path / "second", tmp_path / "restored"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "deploy"), "LOCAL_DIR": str(second)}
    environment |= {"MODELS_DIR": str(restored)}
    command = [sys.executable, "-c", KILLED_BETWEEN, str(file)]
    assert subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode == -signal.SIGKILL
    assert not list(restored.glob("*/[!.]*"))
    if shutil.which("setpriv"):
        wait_until(lambda: not (second / "postgres" / "postmaster.pid").exists(), "Postgres to end with its parent")

    refused = local("restore", other, second, restored)
    assert refused.returncode == 1
    assert "holds 1 predictions, and the models of backup " in refused.stderr
    assert "repeat its restore" in refused.stderr

    done = local("restore", file, second, restored)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("make restore: 1 predictions")
    assert [path.name for path in restored.glob("*/*")] == [path.name for path in models.glob("*/*")]
    again = local("restore", file, second, restored)
    assert "holds 1 predictions; choose an empty LOCAL_DIR=" in again.stderr


def test_no_stack_no_backup(tmp_path: Path, models: Path) -> None:
    done = local("backup", tmp_path / "file", tmp_path / "nowhere", models)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("make backup: there is no stack in ")
    assert not (tmp_path / "file").exists()


def test_the_schemas_of_a_backup_are_those_of_the_code() -> None:
    assert {table.schema for table in metadata.tables.values()} == set(SCHEMAS)
    script = (REPOSITORY / "deploy" / "backup").read_text()
    assert all(f"--schema={schema}" in script for schema in SCHEMAS)
    assert f"DROP SCHEMA {', '.join(SCHEMAS)} CASCADE" in script
    assert NEWEST_REVISION.isdecimal()
