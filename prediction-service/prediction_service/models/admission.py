"""Which folders become models: read, tried in a process of its own, and only then loaded into this one.

Whatever a folder contains, its admission ends within bounds of time and memory, and delays neither requests nor the
admission of other folders.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from prediction_service.batching.runtime import ModelError
from prediction_service.batching.threads import DaemonThreads
from prediction_service.models.crashes import Crashes
from prediction_service.models.folders.contents import digest_of, fingerprint
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.folders.manifest_file import read_cheaply
from prediction_service.models.loader import QueueBounds, load_model
from prediction_service.models.model import Model
from prediction_service.models.remembered import SERVED, RememberedDigests
from prediction_service.models.trials.remembered_trials import RememberedTrials
from prediction_service.models.trials.runner import Trials

READERS, LOADERS = 2, 2
"""Folders that are read, and loaded, at the same time. They have threads of their own, so that a slow disk does not
block those that the rest of the service shares; always the same threads, because malloc gives each new one a heap."""

FILES_TO_MEMORY = 8
"""A folder may be so many times larger than a model's memory: it may hold the same weights in several formats."""


class FolderChangedError(ModelError):
    """The folder changed meanwhile: what was tried is not what would be served."""


class Admission:
    """Admits folders, several at a time. `seconds`: how long reading a folder may take, and loading it likewise.

    `memory`: the folder in which it remembers what was served and what passed; None: only in the process. The latter is
    signed with the `secret`.
    """

    def __init__(
        self,
        trials: Trials,
        bounds: QueueBounds,
        seconds: float,
        memory: Path | None = None,
        crashes: Crashes | None = None,
        secret: bytes = b"",
    ) -> None:
        self._trials, self._bounds, self._seconds = trials, bounds, seconds
        self._served_before, self._remembered = (
            RememberedDigests(memory, SERVED),
            RememberedTrials(trials, memory, secret),
        )
        self._crashes = crashes or Crashes(None)
        self._readers, self._loaders = DaemonThreads(READERS, "read model"), DaemonThreads(LOADERS, "load model")

    async def digest(self, folder: ModelFolder) -> str:
        """The digest of the folder's present contents. Raises ModelError."""
        most_bytes = FILES_TO_MEMORY * self._trials.bounds.memory_bytes
        reading = self._readers.submit(digest_of, folder.path, self._seconds, most_bytes)
        return await asyncio.wrap_future(reading)

    async def admit(
        self, folder: ModelFolder, takes_long: Callable[[], None] = lambda: None, *, by_hand: bool = False
    ) -> Model:
        """The model in a folder. Raises ModelError, ManifestError, and whatever a runtime raises.

        `takes_long` is called when the folder turns out to need more time than most do. `by_hand`: an operator asks for
        it, so it is loaded even if it has crashed the service before.
        """
        before = await asyncio.to_thread(fingerprint, folder.path)
        manifest = await asyncio.wrap_future(self._readers.submit(read_cheaply, folder.path))
        digest = await self.digest(folder)
        if by_hand:
            await asyncio.to_thread(self._crashes.forgive, digest)
        self._crashes.check(digest)
        passed = await self._remembered.run(
            folder.path,
            digest,
            manifest,
            takes_long,
            first=digest in self._served_before,
            anew=by_hand or self._crashes.is_suspect(digest),
        )
        loading = self._loaders.submit(load_model, folder, self._bounds, passed.manifest, digest, self._crashes)
        try:
            async with asyncio.timeout(self._seconds):
                model = await asyncio.wrap_future(loading)
        except TimeoutError:
            self._loaders.shutdown()  # one of these threads hangs; new ones take their place
            self._loaders = DaemonThreads(LOADERS, "load model")
            raise ModelError(f"passed its trial, and then was not loaded within {self._seconds:g} s") from None
        try:
            if await asyncio.to_thread(fingerprint, folder.path) != before:
                self._remembered.forget(digest)
                raise FolderChangedError("changes while it is loaded; it is tried again once it is left alone")
            await asyncio.to_thread(self._served_before.add, digest)
            await self._remembered.confirm(passed)
        except BaseException:
            await model.batcher.close()
            raise
        return model
