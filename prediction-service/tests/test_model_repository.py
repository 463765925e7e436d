"""Models from folders: what is loaded, which is the default, and what happens to a broken folder."""

from pathlib import Path

import httpx
import pytest
from conftest import MODELS, StartService

from prediction_service.model_repository import ModelRepository, TaskNotOffered, UnknownModel

MANIFEST = (MODELS / "sentiment-lexicon" / "1.0.0" / "model.toml").read_text()


@pytest.fixture
def repository(tmp_path: Path) -> ModelRepository:
    return ModelRepository(tmp_path)


def add(folder: Path, name: str, version: str, manifest: str | None = MANIFEST) -> None:
    (folder / name / version).mkdir(parents=True)
    if manifest is not None:
        (folder / name / version / "model.toml").write_text(manifest)


def test_the_newest_version_wins_by_number_not_by_text(tmp_path: Path, repository: ModelRepository) -> None:
    for version in ("1.9.0", "1.10.0", "1.2.0"):
        add(tmp_path, "lexicon", version)
    repository.load()
    assert repository.find("lexicon", "classification").version == "1.10.0"
    assert [model.version for model in repository.all()] == ["1.2.0", "1.9.0", "1.10.0"]


@pytest.mark.parametrize(
    ("name", "version", "manifest", "reason"),
    [
        ("broken", "1.0.0", None, "model.toml is missing"),
        ("broken", "1.0.0", "task = ", "cannot be read"),
        ("broken", "1.0.0", 'task = "classification"', "labels: Field required"),
        ("broken", "1.0.0", MANIFEST.replace('"lexicon"', '"crystal-ball"'), "runtime 'crystal-ball' is not one of"),
        ("broken", "1.0.0", "surprise = 1\n" + MANIFEST, "surprise: Extra inputs"),
        ("broken", "newest", MANIFEST, "'newest' is not a version"),
        ("br oken", "1.0.0", MANIFEST, "is not a model name"),
        ("broken", "1.0.0", "\x00", "cannot be read"),
    ],
)
def test_a_broken_folder_is_skipped_with_its_reason(
    tmp_path: Path, repository: ModelRepository, name: str, version: str, manifest: str | None, reason: str
) -> None:
    add(tmp_path, "good", "1.0.0")
    add(tmp_path, name, version, manifest)
    repository.load()
    assert [model.name for model in repository.all()] == ["good"]
    (skipped,) = repository.skipped
    assert skipped.folder == f"{name}/{version}"
    assert reason in skipped.reason


def test_hidden_folders_and_files_are_nobodys_model(tmp_path: Path, repository: ModelRepository) -> None:
    add(tmp_path, ".cache", "1.0.0")
    (tmp_path / "README.md").touch()
    repository.load()
    assert repository.all() == repository.skipped == []


def test_without_models_every_request_is_for_an_unknown_one(repository: ModelRepository) -> None:
    repository.load()
    with pytest.raises(UnknownModel):
        repository.find(None, "classification")


def test_a_model_does_only_its_own_task(tmp_path: Path, repository: ModelRepository) -> None:
    add(tmp_path, "lexicon", "1.0.0")
    repository.load()
    with pytest.raises(TaskNotOffered):
        repository.find("lexicon", "translation")


async def test_models_and_health_report_what_was_skipped(start_service: StartService, tmp_path: Path) -> None:
    add(tmp_path, "good", "1.0.0")
    add(tmp_path, "broken", "1.0.0", None)
    client: httpx.AsyncClient = await start_service(models_dir=tmp_path)
    listed = (await client.get("/models")).json()
    assert [(model["name"], model["default"]) for model in listed["models"]] == [("good", True)]
    assert listed["skipped"] == [{"folder": "broken/1.0.0", "reason": "model.toml is missing"}]
    health = (await client.get("/health")).json()
    assert health["components"]["models"]["status"] == "degraded"
    assert "broken/1.0.0" in health["components"]["models"]["detail"]
