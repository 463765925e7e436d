"""What cannot be looked at among the models is skipped with a reason; one entry hides and stops nothing else."""

import asyncio
import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders import watch
from prediction_service.models.folders.contents import digest_of, fingerprint
from prediction_service.models.folders.listing import list_folders
from prediction_service.settings import check_models
from prediction_tests.hostile_models import drop_in, model
from prediction_tests.service import StartService

NOBODY = 65534
GOOD = model("even")


def to_a_name_that_is_too_long(link: Path) -> None:
    link.symlink_to("a" * 300)


def to_a_path_that_is_too_long(link: Path) -> None:
    link.symlink_to("/".join(["a" * 200] * 20))


def to_itself(link: Path) -> None:
    link.symlink_to(link.name)


ODD = [to_a_name_that_is_too_long, to_a_path_that_is_too_long, to_itself]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    drop_in(tmp_path / "models", "good", GOOD)
    return tmp_path / "models"


@pytest.fixture
def open_root() -> Iterator[Path]:
    """Where every user may look."""
    folder = Path(tempfile.mkdtemp())
    (folder / "models").mkdir()
    folder.chmod(0o755)
    drop_in(folder / "models", "good", GOOD)
    drop_in(folder / "models", "other", GOOD)
    yield folder / "models"
    shutil.rmtree(folder)


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Root sees no missing rights."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


async def skipped(client: httpx.AsyncClient) -> dict[str, str]:
    """Folder → reason; each is in one list only."""
    listed = (await client.get("/models")).json()
    loaded = [f"{item['name']}/{item['version']}" for item in listed["models"]]
    everywhere = loaded + [item["folder"] for item in (*listed["skipped"], *listed["waiting"])]
    assert len(everywhere) == len(set(everywhere)), listed
    return {item["folder"]: item["reason"] for item in listed["skipped"]}


async def until_skipped(client: httpx.AsyncClient, folder: str) -> str:
    async with asyncio.timeout(30):
        while folder not in (found := await skipped(client)):
            await asyncio.sleep(0.02)
    return found[folder]


async def serves(client: httpx.AsyncClient, name: str) -> bool:
    return (await client.post("/predict", json={"text": "x", "model_name": name})).status_code == 200


async def until_served(client: httpx.AsyncClient, name: str) -> None:
    async with asyncio.timeout(30):
        while not await serves(client, name):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("put", ODD)
async def test_an_odd_entry_in_a_version_costs_that_version_alone_at_the_start_and_later(
    start_service: StartService, root: Path, put: Callable[[Path], None]
) -> None:
    put(drop_in(root, "odd", GOOD) / "weights")
    client = await start_service(models_dir=root, default_model="good")
    assert await serves(client, "good")
    assert "weights cannot be read" in await until_skipped(client, "odd/1.0.0")
    put(drop_in(root, "late", GOOD) / "weights")
    assert "weights cannot be read" in await until_skipped(client, "late/1.0.0")
    drop_in(root, "new", GOOD)
    await until_served(client, "new")
    (root / "odd" / "1.0.0" / "weights").unlink()
    await until_served(client, "odd")
    assert await serves(client, "good")


@pytest.mark.parametrize("put", [to_a_name_that_is_too_long, to_itself])
async def test_an_odd_entry_beside_the_models_or_versions_unloads_nothing(
    start_service: StartService, root: Path, put: Callable[[Path], None]
) -> None:
    put(root / "before")
    client = await start_service(models_dir=root, default_model="good")
    assert "cannot be read" in await until_skipped(client, "before")
    put(root / "zz")
    put(root / "good" / "2.0.0")
    put(root / "good" / "notes")
    assert "cannot be read" in await until_skipped(client, "zz")
    assert "cannot be read" in await until_skipped(client, "good/2.0.0")
    await until_skipped(client, "good/notes")
    assert await serves(client, "good")
    drop_in(root, "new", GOOD)
    await until_served(client, "new")
    again = await start_service(models_dir=root, default_model="good")
    assert await serves(again, "good")


async def test_a_root_that_cannot_be_read_for_a_moment_unloads_nothing(start_service: StartService, root: Path) -> None:
    client = await start_service(models_dir=root, default_model="good")
    away = root.with_name("away")
    for _ in range(2):
        shutil.move(root, away)
        async with asyncio.timeout(20):
            while "cannot be read" not in (health := await models_health(client))["detail"]:
                await asyncio.sleep(0.02)
        assert health["status"] == "degraded"
        assert await serves(client, "good")
        answer = await client.post("/v2/repository/models/good/load")
        assert (answer.status_code, "cannot be read" in answer.text) == (422, True)
        shutil.move(away, root)
        async with asyncio.timeout(20):
            while (await models_health(client))["status"] != "ok":
                await asyncio.sleep(0.02)
    drop_in(root, "new", GOOD)
    await until_served(client, "new")


async def models_health(client: httpx.AsyncClient) -> dict[str, str]:
    return (await client.get("/health")).json()["components"]["models"]


@pytest.mark.parametrize("at", ["start", "later"])
async def test_an_unexpected_error_in_a_look_is_told_and_the_next_look_is_taken(
    start_service: StartService, root: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def fails(root: Path) -> None:
        raise RuntimeError("nobody expects this")

    if at == "start":
        monkeypatch.setattr(watch, "list_folders", fails)
    client = await start_service(models_dir=root, default_model="good")
    monkeypatch.setattr(watch, "list_folders", fails)
    async with asyncio.timeout(20):
        while "nobody expects this" not in (health := await models_health(client))["detail"]:
            await asyncio.sleep(0.02)
    assert health["status"] == ("down" if at == "start" else "degraded")
    monkeypatch.setattr(watch, "list_folders", list_folders)
    await until_served(client, "good")
    async with asyncio.timeout(20):
        while (await models_health(client))["status"] != "ok":
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("mode", [0o000, 0o644, 0o311])
@pytest.mark.parametrize("where", ["version", "model"])
def test_missing_rights_at_one_folder_hide_no_other(open_root: Path, where: str, mode: int) -> None:
    version = open_root / "other" / "1.0.0"
    (other,) = [folder for folder in list_folders(open_root).models if folder.name == "other"]
    (version if where == "version" else version.parent).chmod(mode)
    with as_somebody_else():
        found = list_folders(open_root)
        assert "good" in {folder.name for folder in found.models}
        assert not found.is_gone(other)
        assert found.fault == ""
        check_models(open_root, "good")
        fingerprint(version)
        if where == "version":
            with pytest.raises(ModelError, match="cannot be read: Permission denied"):
                digest_of(version, 10, 1 << 30)


def test_a_link_to_where_nobody_may_look_hides_no_model(open_root: Path) -> None:
    closed = open_root.parent / "closed"
    (closed / "inner").mkdir(parents=True)
    closed.chmod(0o700)
    (open_root / "zz").symlink_to(closed / "inner")
    with as_somebody_else():
        found = list_folders(open_root)
        check_models(open_root, "good")
    assert sorted(folder.name for folder in found.models) == ["good", "other"]
    assert found.misnamed == {"zz": "cannot be read: Permission denied"}


@pytest.mark.parametrize("reason", ["Permission denied", "Too many open files", "No such file or directory"])
def test_a_root_that_cannot_be_read_is_not_taken_for_an_empty_one(open_root: Path, reason: str) -> None:
    before = list_folders(open_root).models
    root = open_root if reason[0] != "N" else open_root / "nowhere"
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        if reason[0] == "P":
            open_root.chmod(0o300)
        if reason[0] == "T":
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        with as_somebody_else():
            found = list_folders(root)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        open_root.chmod(0o755)
    assert found.fault == f"MODELS_DIR cannot be read: {reason}"
    assert not any(found.is_gone(folder) for folder in before)
