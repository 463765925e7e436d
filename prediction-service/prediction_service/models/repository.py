"""Keeps the loaded models equal to the folders on disk. Broken folders are reported and skipped.

A new or changed version is tried and loaded beside the models that serve, and replaces its predecessor in one
assignment; the predecessor finishes the requests that it has. Requests never wait for this, and no folder waits for
another one that takes long.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic

import structlog
from prometheus_client import Counter, Gauge

from prediction_service.batching.runtime import ModelError, NotInTimeError
from prediction_service.models.admission import Admission, FolderChangedError
from prediction_service.models.catalogue import Catalogue, ModelNotFound
from prediction_service.models.folders.contents import Fingerprint
from prediction_service.models.folders.listing import FolderList, ModelFolder, encodable
from prediction_service.models.folders.manifest_file import ManifestError
from prediction_service.models.folders.status import FolderStatus, State
from prediction_service.models.folders.watch import FolderWatch
from prediction_service.models.model import Model
from shared.asyncio.background import Background, end
from shared.http.problems import Problem

START_SECONDS = 15.0
"""How long the start of the service waits for models at most. It does not wait for folders that take long: they are
served once they are ready."""

SKIPPED = Gauge("prediction_model_folders_skipped", "Folders of the repository that cannot be served")
LOADS = Counter("prediction_model_loads", "Folders loaded", ["outcome"])

UNLOADED = "was unloaded by hand; POST /v2/repository/models/{name}/load brings it back"

AGAIN = "; it is tried again by itself"
"""Of what was not ready in time: perhaps the machine had no time for it."""

log = structlog.get_logger()


class ModelNotLoadable(Problem):
    """The model's folder is broken."""

    status = 422
    type = "urn:problem-type:model-not-loadable"
    title = "Model Not Loadable"


class ModelRepository:
    """The status of every folder. `load`, `unload` and the watch change it, and with it the catalogue.

    All of this happens on the event loop.
    """

    def __init__(self, root: Path, catalogue: Catalogue, admission: Admission) -> None:
        self.catalogue, self._admission = catalogue, admission
        self._watch = FolderWatch(root, self._follow)
        self._statuses: dict[ModelFolder, FolderStatus] = {}
        self._misnamed: dict[str, str] = {}
        self._unloaded: set[str] = set()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Loads all folders, then follows their changes until the block ends."""
        found = await self._watch.look()
        default = self.catalogue.default_name
        self._watch.report(found, sorted(found.models, key=lambda folder: folder.name != default))
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                await asyncio.gather(*(status.attempted.wait() for status in self._statuses.values()))
        try:
            async with Background(partial(self._watch.run, found), "model repository"):
                yield
        finally:
            await end(*(status.loading for status in self._statuses.values() if status.loading is not None))
            self._statuses.clear()
            await self.catalogue.close()

    @property
    def trouble(self) -> str:
        """Why the folders cannot be followed at the moment; empty while they can."""
        return self._watch.trouble

    def state_of(self, model: Model) -> tuple[State, str]:
        """The state of a loaded model, and the reason if it is not ready."""
        return next((status.state, status.reason) for status in self._statuses.values() if status.model is model)

    def skipped(self) -> dict[str, str]:
        """Folder → why it cannot be served."""
        statuses = self._statuses.items()
        broken = {str(folder): status.reason for folder, status in statuses if status.state is State.SKIPPED}
        return broken | self._misnamed

    def waiting(self) -> dict[str, tuple[State, str]]:
        """Folder → state and reason, of those that are neither loaded nor broken."""
        return {
            str(folder): (State.UNLOADED, UNLOADED.format(name=folder.name))
            if folder.name in self._unloaded
            else (status.state, status.reason)
            for folder, status in self._statuses.items()
            if status.state is State.LOADING
        }

    def _tried(self) -> Iterator[ModelFolder]:
        """Those that are not loaded, and are being tried or will be once they are left alone."""
        return (
            folder
            for folder, status in self._statuses.items()
            if status.state is State.LOADING and folder.name not in self._unloaded
        )

    async def load(self, name: str) -> None:
        """Loads all folders of a model, changed or not. Raises ModelNotFound, ModelNotLoadable."""
        found = await self._watch.look()
        folders = [folder for folder in found.models if folder.name == name]
        if not folders and (fault := found.fault or found.misnamed.get(name, "")):
            raise ModelNotLoadable(f"{name}: {fault}")
        if not folders:
            raise ModelNotFound(f"The repository has no model {name!r}.")
        self._unloaded.discard(name)
        self._note(found)
        statuses = {folder: self._statuses[folder] for folder in folders}
        for folder in folders:
            self._start_loading(folder, found.models[folder], by_hand=True)
        while loads := [each.loading for each in statuses.values() if each.loading is not None and each.is_loading]:
            await asyncio.wait(loads)
        self._drop_gone(found)
        if broken := [f"{folder}: {status.fault}" for folder, status in statuses.items() if status.fault]:
            raise ModelNotLoadable("; ".join(broken))

    async def unload(self, name: str) -> None:
        """Takes all versions out of service until `load` is called. Raises ModelNotFound."""
        folders = [folder for folder in self._statuses if folder.name == name]
        if name in self._unloaded or all(self._statuses[folder].state is State.SKIPPED for folder in folders):
            raise ModelNotFound(f"No model {name!r} is loaded.")
        self._unloaded.add(name)
        for folder in folders:
            self._forget(folder)
            self._statuses[folder] = FolderStatus()
        self._update_catalogue()

    def _follow(self, found: FolderList, settled: Iterable[ModelFolder]) -> None:
        """Starts to load those of the `settled` folders that are new, changed, or due to be loaded again."""
        self._note(found)
        for folder in settled:
            status = self._statuses[folder]
            if status.model is not None and status.model.batcher.unavailable:
                status.note_unavailable(monotonic())
            wanted = status.fingerprint != found.models[folder] or status.is_retry_due(monotonic())
            if wanted and folder.name not in self._unloaded and not status.is_loading:
                self._start_loading(folder, found.models[folder])
        self._drop_gone(found)

    def _note(self, found: FolderList) -> None:
        """Gives each folder that is seen for the first time a status."""
        for folder in found.models:
            self._statuses.setdefault(folder, FolderStatus()).is_gone = False
        self._misnamed = found.misnamed

    def _start_loading(self, folder: ModelFolder, fingerprint: Fingerprint, *, by_hand: bool = False) -> None:
        """Cancels a load of this folder that is under way, since that one reads what was there before."""
        status = self._statuses[folder]
        if status.loading is not None:
            status.loading.cancel()
        status.fingerprint, status.fault, status.retry_at = fingerprint, "", 0.0
        status.loading = asyncio.create_task(self._load(folder, status, by_hand=by_hand), name=f"load {folder}")

    async def _load(self, folder: ModelFolder, status: FolderStatus, *, by_hand: bool) -> None:
        """Loads a folder and puts its model into service. If the folder is broken, its previous model goes on."""
        try:
            model = await self._admission.admit(folder, status.attempted.set, by_hand=by_hand)
        except FolderChangedError as error:
            status.fingerprint, status.fault = None, str(error)
        except Exception as error:  # noqa: BLE001 -- a broken file makes libraries raise anything
            status.fault = reason_of(error)
            if isinstance(error, NotInTimeError):
                status.fault += AGAIN
                status.plan_retry(monotonic())
            self._update_catalogue()
            LOADS.labels("failed").inc()
            log.warning("model folder skipped", folder=str(folder), reason=status.fault)
        else:
            status.model = model
            self._update_catalogue()
            LOADS.labels("loaded").inc()
            log.info("model loaded", folder=str(folder), runtime=model.manifest.runtime.kind, digest=model.digest)
        status.attempted.set()
        SKIPPED.set(len(self.skipped()))

    def _drop_gone(self, found: FolderList) -> None:
        """Forgets folders that have vanished.

        A model among them serves until a version that replaces it is ready, or for as long as its policy names it.
        """
        loading = {folder.name for folder in found.models if self._statuses[folder].state is State.LOADING}
        for folder in [folder for folder in self._statuses if found.is_gone(folder)]:
            status = self._statuses[folder]
            status.is_gone = True
            is_needed = folder.name in loading - self._unloaded or self.catalogue.is_stable(folder)
            if status.model is None or not is_needed:
                self._forget(folder)
        self._update_catalogue()
        SKIPPED.set(len(self.skipped()))

    def _forget(self, folder: ModelFolder) -> None:
        """Drops the status of a folder, and with it its model; `_update_catalogue` takes that out of service."""
        status = self._statuses.pop(folder)
        if status.loading is not None:
            status.loading.cancel()

    def _update_catalogue(self) -> None:
        statuses = self._statuses.items()
        self.catalogue.replace(
            {folder: status.model for folder, status in statuses if status.model is not None},
            {folder: status.misfit for folder, status in statuses if status.misfit},
            [folder for folder, status in statuses if status.model is None],
            self._tried(),
        )


def reason_of(error: Exception) -> str:
    """Why a folder cannot be served, for its author."""
    return encodable(str(error) if isinstance(error, ManifestError | ModelError) else f"cannot be loaded: {error}")
