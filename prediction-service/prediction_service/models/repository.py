"""The models that are served, kept equal to the folders on disk. Broken folders are reported and skipped.

A version that is dropped in, changed or loaded by hand is tried and made ready beside what serves, and takes over in
one assignment; the model it replaces finishes what it has. Requests never wait for any of this, nor does one folder
wait for another that takes its time.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic

import structlog
from prometheus_client import Counter, Gauge

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.contents import Fingerprint
from prediction_service.models.folders.listing import FolderList, ModelFolder, list_folders, readable
from prediction_service.models.folders.manifest import ManifestError
from prediction_service.models.folders.state import FolderState, State
from prediction_service.models.loading import FolderChangedError, Loader
from prediction_service.models.model import Model
from shared.asyncio.background import Background, end
from shared.contracts.problem import FieldError
from shared.http.problems import InvalidRequest, Problem

WATCH_SECONDS = 1.0
"""How often the folders are looked at. What changed is loaded at the second look that sees it the same: a copy that is
still under way is left alone."""

START_SECONDS = 15.0
"""How long the start waits at most. For folders that take long it does not: they are served once they are ready."""

LOADED = Gauge("prediction_models", "Versions of models that take requests")
SKIPPED = Gauge("prediction_model_folders_skipped", "Folders of the repository that cannot be served")
LOADS = Counter("prediction_model_loads", "Folders loaded", ["outcome"])

UNLOADED = "was unloaded by hand; POST /v2/repository/models/{name}/load brings it back"

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
    """Which model answers what. `load`, `unload` and the watch change it; only on the event loop."""

    def __init__(self, root: Path, default_name: str, loader: Loader) -> None:
        self._root, self.default_name, self._loader = root, default_name, loader
        self._states: dict[ModelFolder, FolderState] = {}
        self._models: dict[ModelFolder, Model] = {}
        self._newest: dict[str, Model] = {}
        self._misnamed: dict[str, str] = {}
        self.trouble = ""
        """Why the folders cannot be followed just now; what is loaded goes on. Empty when they can."""
        self._unloaded: set[str] = set()
        self._retiring: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Loads everything there is, then follows the folders until the end."""
        look = await self._look()
        self._try_to_follow(look, sorted(look.models, key=lambda folder: folder.name != self.default_name))
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                await asyncio.gather(*(kept.judged.wait() for kept in self._states.values()))
        try:
            async with Background(partial(self._watch, look), "model repository"):
                yield
        finally:
            await end(*(state.loading for state in self._states.values() if state.loading is not None))
            self._states.clear()
            self._serve()
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
        default = self._newest.get(self.default_name)
        return default is not None and not default.batcher.unavailable

    def state_of(self, model: Model) -> tuple[State, str]:
        """Where a loaded model stands, and why if it is not well."""
        return next((kept.state, kept.reason) for kept in self._states.values() if kept.model is model)

    def skipped(self) -> dict[str, str]:
        """Folder → why it cannot be served."""
        broken = {str(folder): kept.reason for folder, kept in self._states.items() if kept.state is State.SKIPPED}
        return broken | self._misnamed

    def waiting(self) -> dict[str, tuple[State, str]]:
        """Folder → state and reason, of those that are neither loaded nor broken."""
        return {
            str(folder): (State.UNLOADED, UNLOADED.format(name=folder.name))
            if folder.name in self._unloaded
            else (kept.state, kept.reason)
            for folder, kept in self._states.items()
            if kept.state is State.LOADING
        }

    async def load(self, name: str) -> None:
        """Loads all folders of a model, changed or not. Raises ModelNotFound, ModelNotLoadable."""
        look = await self._look()
        folders = [folder for folder in look.models if folder.name == name]
        if not folders and (fault := look.fault or look.misnamed.get(name, "")):
            raise ModelNotLoadable(f"{name}: {fault}")
        if not folders:
            raise ModelNotFound(f"The repository has no model {name!r}.")
        self._unloaded.discard(name)
        self._note(look)
        states = {folder: self._states[folder] for folder in folders}
        for folder in folders:
            self._start_loading(folder, look.models[folder], by_hand=True)
        while loads := [kept.loading for kept in states.values() if kept.loading is not None and kept.is_loading]:
            await asyncio.wait(loads)
        self._drop_gone(look)
        if broken := [f"{folder}: {kept.fault}" for folder, kept in states.items() if kept.fault]:
            raise ModelNotLoadable("; ".join(broken))

    async def unload(self, name: str) -> None:
        """Takes all versions out of service until `load` is called. Raises ModelNotFound."""
        kept = [state for folder, state in self._states.items() if folder.name == name]
        if all(state.state is State.SKIPPED for state in kept) or name in self._unloaded:
            raise ModelNotFound(f"No model {name!r} is loaded.")
        self._unloaded.add(name)
        for folder in [folder for folder in self._states if folder.name == name]:
            self._forget(folder)
            self._states[folder] = FolderState()
        self._serve()

    async def _watch(self, last: FolderList) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            look = await self._look()
            settled = [folder for folder, seen in look.models.items() if last.models.get(folder) == seen]
            self._try_to_follow(look, settled)
            last = look

    async def _look(self) -> FolderList:
        """What is there now. Raises nothing: the watch must not end because of one look."""
        try:
            return await asyncio.to_thread(list_folders, self._root)
        except Exception as error:
            log.exception("model folders cannot be looked at")
            return FolderList(fault=f"MODELS_DIR cannot be looked at: {type(error).__name__}: {error}")

    def _try_to_follow(self, look: FolderList, settled: Iterable[ModelFolder]) -> None:
        """Follows what can be seen. What goes wrong is told in `trouble`, and tried again at the next look."""
        trouble = look.fault
        if not trouble:
            try:
                self._follow(look, settled)
            except Exception as error:
                log.exception("model folders cannot be followed")
                trouble = f"the models cannot be followed: {type(error).__name__}: {error}"
        if trouble and trouble != self.trouble:
            log.warning("models are not followed; those loaded go on", reason=trouble)
        self.trouble = readable(trouble)

    def _follow(self, look: FolderList, settled: Iterable[ModelFolder]) -> None:
        """Begins to load those of the `settled` folders that are new or changed, and what is to be loaded anew."""
        self._note(look)
        for folder in settled:
            kept = self._states[folder]
            if kept.model is not None and kept.model.batcher.unavailable:
                kept.note_unavailable(monotonic())
            changed = kept.seen != look.models[folder]
            if folder.name not in self._unloaded and not kept.is_loading and (changed or kept.is_due(monotonic())):
                self._start_loading(folder, look.models[folder])
        self._drop_gone(look)

    def _note(self, look: FolderList) -> None:
        """Every folder has a state from the moment at which it is seen."""
        for folder in look.models:
            self._states.setdefault(folder, FolderState()).gone = False
        self._misnamed = look.misnamed

    def _start_loading(self, folder: ModelFolder, seen: Fingerprint, *, by_hand: bool = False) -> asyncio.Task[None]:
        """In place of a load that may be under way: that one read what was there before."""
        kept = self._states[folder]
        if kept.loading is not None:
            kept.loading.cancel()
        kept.seen, kept.fault, kept.retry_at = seen, "", 0.0
        kept.loading = asyncio.create_task(self._load(folder, kept, by_hand=by_hand), name=f"load {folder}")
        return kept.loading

    async def _load(self, folder: ModelFolder, kept: FolderState, *, by_hand: bool) -> None:
        """Loads a folder and puts its model into service. If it is broken, the model it held before goes on."""
        try:
            model = await self._loader.load(folder, kept.judged.set, by_hand=by_hand)
        except FolderChangedError as error:
            kept.seen, kept.fault = None, str(error)
        except Exception as error:  # noqa: BLE001 -- a broken file makes libraries raise anything
            kept.fault = reason_of(error)
            LOADS.labels("failed").inc()
            log.warning("model folder skipped", folder=str(folder), reason=kept.fault)
        else:
            kept.model = model
            self._serve()
            LOADS.labels("loaded").inc()
            log.info("model loaded", folder=str(folder), runtime=model.manifest.runtime.kind, digest=model.digest)
        kept.judged.set()
        SKIPPED.set(len(self.skipped()))

    def _drop_gone(self, look: FolderList) -> None:
        """Forgets folders that are not there any more; what they hold serves until one that comes instead is ready."""
        coming = {folder.name for folder in look.models if self._states[folder].state is State.LOADING} - self._unloaded
        for folder in [folder for folder in self._states if look.is_gone(folder)]:
            kept = self._states[folder]
            kept.gone = True
            if kept.model is None or folder.name not in coming:
                self._forget(folder)
        self._serve()
        SKIPPED.set(len(self.skipped()))

    def _forget(self, folder: ModelFolder) -> None:
        """Nothing is known of a folder any more, and nothing of it is loaded."""
        kept = self._states.pop(folder)
        if kept.loading is not None:
            kept.loading.cancel()

    def _serve(self) -> None:
        """The one place where what is served changes. Models that are replaced finish what they have."""
        models = {folder: kept.model for folder, kept in self._states.items() if kept.model is not None}
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
    return readable(str(error) if isinstance(error, ManifestError | ModelError) else f"cannot be loaded: {error}")
