"""What is served is what lies in the folder, by whatever way it came there; every folder is in one list."""

import asyncio
import os
import random
import shutil
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY

from prediction_service.models.folders.contents import digest_of, fingerprint
from prediction_service.models.folders.listing import list_folders
from prediction_tests.hostile_models import MANIFEST, drop_in, model
from prediction_tests.service import StartService

NAME = "kept"
PLENTY = 1 << 30


def labelled(label: str):
    """A model that always gives its first label, which is `label`."""
    return model("even", manifest=MANIFEST.replace('"no"', f'"{label}"'))


def loads(outcome: str) -> float:
    return REGISTRY.get_sample_value("prediction_model_loads_total", {"outcome": outcome}) or 0.0


async def until(client: httpx.AsyncClient, label: str) -> None:
    """Returns once the model answers so. No request fails meanwhile."""
    while True:
        answer = await client.post("/predict", json={"text": "x", "model_name": NAME})
        assert answer.status_code == 200, answer.text
        if answer.json()["prediction_label"] == label:
            return
        await asyncio.sleep(0.02)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def same_times(folder: Path) -> None:
    """As in images and reproducible archives."""
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (1, 1))


async def test_a_link_that_is_switched_to_a_folder_with_equal_sizes_and_times_is_followed(
    start_service: StartService, root: Path, tmp_path: Path
) -> None:
    for label in ("one", "two"):
        (tmp_path / label).mkdir()
        labelled(label)(tmp_path / label)
        same_times(tmp_path / label)
    (root / NAME).mkdir()
    (root / NAME / "1.0.0").symlink_to(tmp_path / "one")
    client = await start_service(models_dir=root, default_model=NAME)
    await until(client, "one")
    for label in ("two", "one", "two"):
        (root / NAME / ".next").symlink_to(tmp_path / label)
        (root / NAME / ".next").rename(root / NAME / "1.0.0")
        await until(client, label)


async def test_a_file_that_is_exchanged_for_one_of_equal_size_and_time_is_seen(
    start_service: StartService, root: Path
) -> None:
    folder = drop_in(root, NAME, labelled("one"))
    same_times(folder)
    client = await start_service(models_dir=root, default_model=NAME)
    await until(client, "one")
    status = (folder / "model.toml").stat()
    (folder / "model.toml").write_text((folder / "model.toml").read_text().replace("one", "two"))
    os.utime(folder / "model.toml", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (folder / "model.toml").stat().st_mtime_ns == status.st_mtime_ns
    await until(client, "two")


async def test_a_link_to_a_file_and_a_folder_above_are_followed(
    start_service: StartService, root: Path, tmp_path: Path
) -> None:
    """As a mounted ConfigMap does it: `..data` is a link that is switched."""
    for label in ("one", "two"):
        labelled(label)(_made(tmp_path / "releases" / label))
    folder = _made(root / NAME / "1.0.0")
    (folder / "..data").symlink_to(tmp_path / "releases" / "one")
    for name in ("model.toml", "model.onnx"):
        (folder / name).symlink_to(f"..data/{name}")
    client = await start_service(models_dir=root, default_model=NAME)
    await until(client, "one")
    (folder / ".new").symlink_to(tmp_path / "releases" / "two")
    (folder / ".new").rename(folder / "..data")
    await until(client, "two")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("change", ["file", "folder"])
async def test_rights_that_are_given_later_are_noticed(start_service: StartService, root: Path, change: str) -> None:
    """Whoever may read everything, as root may, sees at least that it is tried again."""
    good = drop_in(root, NAME, labelled("one"))
    broken = drop_in(root, "later", model("even", manifest="labels = []"))
    path = broken / "model.toml" if change == "file" else broken
    path.chmod(0o000 if change == "file" else 0o311)
    client = await start_service(models_dir=root, default_model=NAME)
    await until(client, "one")
    assert [skipped["folder"] for skipped in (await client.get("/models")).json()["skipped"]] == ["later/1.0.0"]
    failed = loads("failed")
    path.chmod(0o755)
    while loads("failed") == failed:
        await asyncio.sleep(0.02)
    shutil.copy(good / "model.toml", broken / "model.toml")
    while (await client.get("/models")).json()["skipped"]:
        await asyncio.sleep(0.02)


async def test_an_explicit_load_always_loads(start_service: StartService, root: Path) -> None:
    folder = drop_in(root, NAME, labelled("one"))
    client = await start_service(models_dir=root, default_model=NAME)
    before = loads("loaded")
    for number in range(1, 4):
        assert (await client.post(f"/v2/repository/models/{NAME}/load")).status_code == 200
        assert loads("loaded") == before + number
    (loaded,) = (await client.get("/models")).json()["models"]
    assert loaded["digest"] == digest_of(folder, 10, PLENTY)
    assert (await client.get(f"/v2/models/{NAME}/stats")).json()["model_stats"][0]["execution_count"] == 0


async def test_a_version_that_cannot_be_read_any_more_goes_on_as_it_was_and_says_so(
    start_service: StartService, root: Path
) -> None:
    folder = drop_in(root, NAME, labelled("one"))
    client = await start_service(models_dir=root, default_model=NAME)
    digest = digest_of(folder, 10, PLENTY)
    model("logits")(folder)
    while (listed := (await client.get("/models")).json())["models"][0]["state"] != "outdated" or "softmax" not in (
        listed["models"][0]["reason"]
    ):
        await asyncio.sleep(0.02)
    assert listed["models"][0]["digest"] == digest
    assert listed["skipped"] == listed["waiting"] == []
    health = (await client.get("/health")).json()
    assert health["status"] == "degraded"
    assert "outdated" in health["components"]["models"]["detail"]
    labelled("two")(folder)
    await until(client, "two")
    assert (await client.get("/health")).json()["status"] == "ok"


async def test_unloaded_deleted_and_added_again_it_is_still_unloaded_until_somebody_loads_it(
    start_service: StartService, root: Path
) -> None:
    drop_in(root, NAME, labelled("one"))
    client = await start_service(models_dir=root, default_model=NAME)
    assert (await client.post(f"/v2/repository/models/{NAME}/unload")).status_code == 200
    shutil.rmtree(root / NAME)
    while (await client.get("/models")).json()["waiting"]:
        await asyncio.sleep(0.02)
    drop_in(root, NAME, labelled("two"))
    while not (waiting := (await client.get("/models")).json()["waiting"]):
        await asyncio.sleep(0.02)
    assert (waiting[0]["folder"], waiting[0]["state"]) == (f"{NAME}/1.0.0", "unloaded")
    assert f"{NAME}/load" in waiting[0]["reason"]
    assert (await client.post(f"/v2/repository/models/{NAME}/load")).status_code == 200
    await until(client, "two")


async def test_whatever_happens_every_folder_is_in_exactly_one_list(start_service: StartService, root: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    drop_in(root, "a", labelled("one"))
    client = await start_service(models_dir=root, default_model="a")
    fills = [labelled("one"), labelled("two"), model("logits"), model("even", manifest="labels = [")]
    for _ in range(30):
        name, action = rng.choice("abc"), rng.choice(["add", "change", "remove", "load", "unload", "touch"])
        if action in {"load", "unload"}:
            await client.post(f"/v2/repository/models/{name}/{action}")
        else:
            happens(root / name / "1.0.0", action, rng.choice(fills))
        listed = (await client.get("/models")).json()
        everywhere = folders_of(listed)
        assert len(everywhere) == len(set(everywhere)), (seed, action, listed)
        assert all(item["reason"] for item in (*listed["skipped"], *listed["waiting"])), (seed, listed)
        index = (await client.post("/v2/repository/index")).json()
        assert sorted(f"{item['name']}/{item['version']}" for item in index) == sorted(everywhere), (seed, action)

    there = folders_below(root)
    while True:
        listed = (await client.get("/models")).json()
        if set(folders_of(listed)) == there and "loading" not in [item["state"] for item in listed["waiting"]]:
            break
        await asyncio.sleep(0.05)


def happens(folder: Path, action: str, fill) -> None:
    if action == "add" and not folder.exists():
        shutil.rmtree(folder.parent, ignore_errors=True)
        drop_in(folder.parents[1], folder.parent.name, fill)
    elif action == "remove":
        shutil.rmtree(folder.parent, ignore_errors=True)
    elif action == "change" and folder.exists():
        fill(folder)
    elif action == "touch" and folder.exists():
        (folder / "model.toml").touch()


def folders_below(root: Path) -> set[str]:
    return {f"{path.parent.name}/{path.name}" for path in root.glob("[a-c]/1.0.0")}


def folders_of(listed: dict) -> list[str]:
    loaded = [f"{item['name']}/{item['version']}" for item in listed["models"]]
    return loaded + [item["folder"] for item in (*listed["skipped"], *listed["waiting"])]


def test_a_folder_that_is_linked_into_itself_has_an_end(tmp_path: Path) -> None:
    labelled("one")(tmp_path)
    before = digest_of(tmp_path, 10, PLENTY)
    (tmp_path / "again").symlink_to(tmp_path)
    assert len(fingerprint(tmp_path)) >= 3
    assert digest_of(tmp_path, 10, PLENTY) == before


def test_the_digest_knows_names_from_contents(tmp_path: Path) -> None:
    digests = set()
    for files in ({"a": b"bc"}, {"ab": b"c"}, {"a": b"b", "c": b""}, {"a": b"", "bc": b""}, {"b": b"bc"}):
        folder = _made(tmp_path / str(len(digests)))
        for name, content in files.items():
            (folder / name).write_bytes(content)
        digests.add(digest_of(folder, 10, PLENTY))
    assert len(digests) == 5


@pytest.mark.parametrize("target", [".", "..", "/", "../models"])
def test_a_link_to_the_repository_itself_has_one_reason(tmp_path: Path, target: str) -> None:
    root = tmp_path / "models"
    for name in ("a", "b", "c"):
        (root / name / "1.0.0").mkdir(parents=True)
    (root / "dot").symlink_to(target)
    found = list_folders(root)
    assert found.misnamed == {"dot": "is a link to the model repository itself, or to a folder around it"}
    assert [str(folder) for folder in found.models] == ["a/1.0.0", "b/1.0.0", "c/1.0.0"]


def test_a_link_to_another_model_is_a_model(tmp_path: Path) -> None:
    (tmp_path / "models" / "a" / "1.0.0").mkdir(parents=True)
    (tmp_path / "models" / "again").symlink_to("a")
    assert [str(folder) for folder in list_folders(tmp_path / "models").models] == ["a/1.0.0", "again/1.0.0"]
