"""The model repository: `<name>/<version>/model.toml` and its files. A broken folder is skipped, never fatal."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from prediction_service.contracts import SkippedModel
from prediction_service.runtimes.base import Runtime
from prediction_service.runtimes.lexicon import LexiconRuntime
from shared.contracts.metrics import ModelName, TaskType
from shared.runtime.problems import Problem

MANIFEST = "model.toml"
VERSION = re.compile(r"\d+\.\d+\.\d+")
NAME: TypeAdapter[str] = TypeAdapter(ModelName)

log = structlog.get_logger()


class Batching(BaseModel):
    """How a model likes its texts."""

    model_config = ConfigDict(extra="forbid")

    max_rows: int = Field(32, ge=1, le=1024, description="Texts in one run of the model")


class Manifest(BaseModel):
    """What a person writes about a model, in `model.toml`."""

    model_config = ConfigDict(extra="forbid")

    task: TaskType
    labels: list[str] = Field(min_length=2, max_length=1000)
    runtime: str
    source: str | None = None
    files: dict[str, str] = {}
    batching: Batching = Batching()


@dataclass(frozen=True)
class Model:
    """A loaded model."""

    name: str
    version: str
    manifest: Manifest
    runtime: Runtime


class UnknownModel(Problem):
    """No model of that name is loaded."""

    status = 404
    type = "urn:problem-type:unknown-model"
    title = "Unknown Model"


class TaskNotOffered(Problem):
    """The model does something else than the request wants."""

    status = 422
    type = "urn:problem-type:task-not-offered"
    title = "Task Not Offered"


class UnusableModelError(Exception):
    """Why a folder cannot be loaded."""


Loader = Callable[[Path, Manifest], Runtime]

RUNTIMES: Mapping[str, Loader] = {"lexicon": lambda folder, manifest: LexiconRuntime()}
"""Runtime name in a manifest → how such a model is loaded from its folder."""


class ModelRepository:
    """The models of one folder."""

    def __init__(self, folder: Path, default_model: str | None = None) -> None:
        self._folder, self._default_model = folder, default_model
        self._models: dict[str, dict[tuple[int, ...], Model]] = {}
        self.skipped: list[SkippedModel] = []

    def load(self) -> None:
        """Loads every version of every model; what cannot be loaded is reported in `skipped`."""
        for folder in version_folders(self._folder):
            try:
                model = load_model(folder)
            except UnusableModelError as error:
                log.warning("model skipped", folder=str(folder), reason=str(error))
                self.skipped.append(SkippedModel(folder=str(folder.relative_to(self._folder)), reason=str(error)))
            else:
                self._models.setdefault(model.name, {})[version_key(model.version)] = model
                log.info("model loaded", model=model.name, version=model.version, runtime=model.manifest.runtime)

    def all(self) -> list[Model]:
        """Every loaded version, by name and version."""
        return [versions[key] for _, versions in sorted(self._models.items()) for key in sorted(versions)]

    def default(self) -> Model | None:
        """The model of requests that name none."""
        name = self._default_model or min(self._models, default=None)
        return newest(self._models[name]) if name in self._models else None

    def find(self, name: str | None, task_type: str) -> Model:
        """The newest version of a model. Raises UnknownModel or TaskNotOffered."""
        model = self.default() if name is None else newest(self._models.get(name, {}))
        if model is None:
            raise UnknownModel(f"No model named {name!r} is loaded." if name else "No model is loaded.")
        if model.manifest.task != task_type:
            raise TaskNotOffered(f"{model.name} does {model.manifest.task}, not {task_type}.")
        return model


def newest(versions: Mapping[tuple[int, ...], Model]) -> Model | None:
    """The highest version, if there is one."""
    return versions[max(versions)] if versions else None


def version_key(version: str) -> tuple[int, ...]:
    """Versions in their order: 1.10.0 after 1.9.0."""
    return tuple(int(part) for part in version.split("."))


def version_folders(repository: Path) -> Iterator[Path]:
    """Every `<name>/<version>` below the repository, hidden ones left out."""
    if not repository.is_dir():
        log.error("the model repository is no folder", folder=str(repository))
        return
    for name in sorted(repository.iterdir()):
        if name.is_dir() and not name.name.startswith("."):
            yield from sorted(entry for entry in name.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def load_model(folder: Path) -> Model:
    """The model in a folder. Raises UnusableModelError, whatever is wrong with it."""
    name, version = folder.parent.name, folder.name
    try:
        NAME.validate_python(name)
    except ValidationError as error:
        raise UnusableModelError(f"{name!r} is not a model name") from error
    if not VERSION.fullmatch(version):
        raise UnusableModelError(f"{version!r} is not a version of the form 1.2.3")
    manifest = read_manifest(folder / MANIFEST)
    loader = RUNTIMES.get(manifest.runtime)
    if loader is None:
        raise UnusableModelError(f"{MANIFEST}: runtime {manifest.runtime!r} is not one of {', '.join(RUNTIMES)}")
    try:
        return Model(name, version, manifest, loader(folder, manifest))
    except Exception as error:  # a user's file can break a library in any way; the service must go on
        raise UnusableModelError(f"cannot be loaded: {error}") from error


def read_manifest(path: Path) -> Manifest:
    """The manifest. Raises UnusableModelError with the line or the field that is wrong."""
    try:
        return Manifest.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise UnusableModelError(f"{MANIFEST} is missing") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnusableModelError(f"{MANIFEST} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise UnusableModelError(f"{MANIFEST}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
