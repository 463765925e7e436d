"""The models that are served, kept equal to the folders on disk. Broken folders are reported and skipped.

A version that is dropped in, changed or loaded by hand is made ready beside what serves, and takes over in one
assignment; the model it replaces finishes what it has. Requests never wait for any of this.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog
from prometheus_client import Counter, Gauge

from prediction_service.manifest import ManifestError
from prediction_service.model import Model
from prediction_service.model_folders import Fingerprint, FolderList, ModelFolder, list_folders
from prediction_service.model_loader import QueueBounds, load_model
from prediction_service.runtimes.base import ModelError
from shared.contracts.problem import FieldError
from shared.runtime.problems import InvalidRequest, Problem

WATCH_SECONDS = 1.0
"""How often the folders are looked at. What changed is loaded at the second look that sees it the same: a copy that is
still under way is left alone."""

LOADED = Gauge("prediction_models", "Versions of models that take requests")
SKIPPED = Gauge("prediction_model_folders_skipped", "Folders of the repository that cannot be served")
LOADS = Counter("prediction_model_loads", "Folders loaded", ["outcome"])

log = structlog.get_logger()


class ModelNotFound(Problem):
    """No loaded model has this name and version, or does this task."""

    status = 404
    type = "urn:problem-type:model-not-found"
    title = "Model Not Found"


class ModelNotLoadable(Problem):
    """The model's folder is broken."""

    status = 422
    type = "urn:problem-type:model-not-loadable"
    title = "Model Not Loadable"


class ModelRepository:
    """Which model answers what. `load`, `unload` and the watch change it, one at a time, under the lock."""

    def __init__(self, root: Path, default_name: str, bounds: QueueBounds) -> None:
        self._root, self.default_name, self._bounds = root, default_name, bounds
        self._lock = asyncio.Lock()
        self._models: dict[ModelFolder, Model] = {}
        self._newest: dict[str, Model] = {}
        self._tried: dict[ModelFolder, Fingerprint] = {}
        self._broken: dict[ModelFolder, str] = {}
        self._misnamed: dict[str, str] = {}
        self._unloaded: set[str] = set()
        self._retiring: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Loads everything there is, then follows the folders until the end."""
        look = await self._look()
        await self._follow(look, look.models)
        watch = asyncio.create_task(self._watch(look), name="model repository")
        try:
            yield
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch
            self._serve({})
            await asyncio.gather(*self._retiring)

    def choose(self, name: str | None, version: str | None = None, task: str | None = None) -> Model:
        """The model for a request: by name, the newest version unless one is named.

        Without a name: the default model, or another one if a task (and no version) is named that the default does not
        do. Raises
        ModelNotFound, and InvalidRequest when the model that is named does another task.
        """
        if name is None and version is None:
            return self._choose_by_task(task)
        name = name or self.default_name
        model = self._newest.get(name) if version is None else self._exact(name, version)
        if model is None:
            raise self._not_found(name, version)
        if task not in {None, model.manifest.task_type}:
            message = f"model {name} does {model.manifest.task_type}"
            raise InvalidRequest([FieldError(location="body.task_type", message=message)])
        return model

    def _not_found(self, name: str, version: str | None) -> ModelNotFound:
        """Says which versions there are, if the model is there."""
        if version is None or name not in self._newest:
            return ModelNotFound(f"No model {name!r} is loaded.")
        versions = [model.version for model in self.models() if model.name == name]
        return ModelNotFound(
            f"No model {name!r} of version {version!r} is loaded; there is {', '.join(versions)}.",
            loaded_versions=versions,
        )

    def _choose_by_task(self, task: str | None) -> Model:
        default = self._newest.get(self.default_name)
        if default is not None and task in {None, default.manifest.task_type}:
            return default
        if task is None:
            raise ModelNotFound(f"The default model {self.default_name!r} is not loaded.")
        for name in sorted(self._newest):
            if self._newest[name].manifest.task_type == task:
                return self._newest[name]
        raise ModelNotFound(f"No loaded model does {task!r}.")

    def _exact(self, name: str, version: str) -> Model | None:
        return next((model for model in self._models.values() if (model.name, model.version) == (name, version)), None)

    def models(self) -> list[Model]:
        """All loaded versions: the default model first, then by name, the newest version first."""
        newest_first = sorted(self._models, key=lambda folder: folder.precedence, reverse=True)
        by_name = sorted(newest_first, key=lambda folder: (folder.name != self.default_name, folder.name))
        return [self._models[folder] for folder in by_name]

    def has_default(self) -> bool:
        """Whether requests that name no model can be served."""
        return self.default_name in self._newest

    def skipped(self) -> dict[str, str]:
        """Folder → why it is not served."""
        return {str(folder): reason for folder, reason in self._broken.items()} | self._misnamed

    def unloaded(self) -> list[str]:
        """Names of models that were taken out of service by hand."""
        return sorted(self._unloaded)

    async def load(self, name: str) -> None:
        """Makes what is served equal to the model's folders, now. Raises ModelNotFound and ModelNotLoadable."""
        look = await self._look()
        folders = [folder for folder in look.models if folder.name == name]
        if not folders:
            raise ModelNotFound(f"The repository has no model {name!r}.")
        self._unloaded.discard(name)
        await self._follow(look, folders)
        broken = [f"{folder}: {self._broken[folder]}" for folder in folders if folder in self._broken]
        if broken:
            raise ModelNotLoadable("; ".join(broken))

    async def unload(self, name: str) -> None:
        """Takes all versions out of service until `load` is called. Raises ModelNotFound."""
        async with self._lock:
            if name not in self._newest:
                raise ModelNotFound(f"No model {name!r} is loaded.")
            self._unloaded.add(name)
            self._drop([folder for folder in self._tried if folder.name == name])

    async def _watch(self, last: FolderList) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            look = await self._look()
            settled = [folder for folder, seen in look.models.items() if last.models.get(folder) == seen]
            await self._follow(look, settled)
            last = look

    async def _look(self) -> FolderList:
        return await asyncio.to_thread(list_folders, self._root)

    async def _follow(self, look: FolderList, settled: Iterable[ModelFolder]) -> None:
        """Loads those of the `settled` folders that are new or changed, then drops what is gone.

        In this order, so that a model whose version is exchanged is never away.
        """
        async with self._lock:
            for folder in settled:
                if folder.name not in self._unloaded and self._tried.get(folder) != look.models[folder]:
                    self._tried[folder] = look.models[folder]
                    await self._load(folder)
            self._drop([folder for folder in self._tried if folder not in look.models])
            self._misnamed = look.misnamed
            SKIPPED.set(len(self.skipped()))

    async def _load(self, folder: ModelFolder) -> None:
        """Loads a folder and puts its model into service. If it is broken, the model it held before goes on."""
        try:
            model = await asyncio.to_thread(load_model, folder, self._bounds)
        except Exception as error:
            self._broken[folder] = reason_of(error)
            LOADS.labels("failed").inc()
            log.warning("model folder skipped", folder=str(folder), reason=self._broken[folder])
        else:
            self._broken.pop(folder, None)
            self._serve(self._models | {folder: model})
            LOADS.labels("loaded").inc()
            log.info("model loaded", folder=str(folder), runtime=model.manifest.runtime.kind)

    def _drop(self, folders: Iterable[ModelFolder]) -> None:
        """Forgets folders; what they hold serves no more."""
        gone = set(folders)
        for folder in gone:
            self._tried.pop(folder)
            self._broken.pop(folder, None)
        if not gone.isdisjoint(self._models):
            self._serve({folder: model for folder, model in self._models.items() if folder not in gone})

    def _serve(self, models: dict[ModelFolder, Model]) -> None:
        """The one place where what is served changes. Models that are replaced finish what they have."""
        replaced = [model for folder, model in self._models.items() if models.get(folder) is not model]
        self._models = models
        self._newest = {folder.name: models[folder] for folder in sorted(models, key=lambda folder: folder.precedence)}
        LOADED.set(len(models))
        for model in replaced:
            log.info("model retired", model=model.name, version=model.version)
            retirement = asyncio.create_task(model.batcher.close(), name=f"retire {model.name} {model.version}")
            self._retiring.add(retirement)
            retirement.add_done_callback(self._retiring.discard)


def reason_of(error: Exception) -> str:
    """Why a folder cannot be served, for its author."""
    return str(error) if isinstance(error, ManifestError | ModelError) else f"cannot be loaded: {error}"
