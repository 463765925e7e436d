"""From a folder to a model that takes requests: read, tried in a process of its own, then loaded for real.

Whatever a folder holds, this ends within bounds, and nobody waits for it but the one who wants that model.
"""

import asyncio
from collections.abc import Callable

from prediction_service.batching.runtime import ModelError
from prediction_service.batching.threads import DaemonThreads
from prediction_service.models.crashes import Crashes
from prediction_service.models.folders.contents import digest_of, fingerprint
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.folders.manifest import check_cheaply
from prediction_service.models.loader import QueueBounds, load_model
from prediction_service.models.model import Model
from prediction_service.models.served_before import ServedBefore
from prediction_service.models.trials.runner import Trials

READERS, LOADERS = 2, 2
"""Folders that are read, and loaded, at the same time, in threads of their own: a slow disk must not keep the service's
waiting. (Always the same threads, because each new one has a heap of its own.)"""

FILES_TO_MEMORY = 8
"""A folder may have so much more than a model's memory: the same weights in other formats."""


class FolderChangedError(ModelError):
    """Somebody writes to it: what was tried is not what would be served."""


class Loader:
    """Loads folders, several at a time. `seconds`: what reading a folder, and loading what passed, may take."""

    def __init__(
        self,
        trials: Trials,
        bounds: QueueBounds,
        seconds: float,
        served: ServedBefore | None = None,
        crashes: Crashes | None = None,
    ) -> None:
        self._trials, self._bounds, self._seconds = trials, bounds, seconds
        self._served, self._crashes = served or ServedBefore(None), crashes or Crashes(None)
        self._readers, self._threads = DaemonThreads(READERS, "read model"), DaemonThreads(LOADERS, "load model")

    async def digest(self, folder: ModelFolder) -> str:
        """Of what lies there now. Raises ModelError."""
        most_bytes = FILES_TO_MEMORY * self._trials.bounds.memory_bytes
        reading = self._readers.submit(digest_of, folder.path, self._seconds, most_bytes)
        return await asyncio.wrap_future(reading)

    async def load(
        self, folder: ModelFolder, takes_long: Callable[[], None] = lambda: None, *, by_hand: bool = False
    ) -> Model:
        """The model in a folder. Raises ModelError, ManifestError, and whatever a runtime raises.

        `takes_long` is called when it is clear that it needs more time than most. `by_hand`: it is loaded whatever it
        did to the service before.
        """
        before = await asyncio.to_thread(fingerprint, folder.path)
        await asyncio.wrap_future(self._readers.submit(check_cheaply, folder.path))
        digest = await self.digest(folder)
        if by_hand:
            await asyncio.to_thread(self._crashes.forgive, digest)
        self._crashes.check(digest)
        manifest = await self._trials.run(folder.path, digest, takes_long, first=digest in self._served)
        loading = self._threads.submit(load_model, folder, self._bounds, manifest, digest, self._crashes)
        try:
            async with asyncio.timeout(self._seconds):
                model = await asyncio.wrap_future(loading)
        except TimeoutError:
            self._threads.shutdown()  # a thread of these does not come back; others take their place
            self._threads = DaemonThreads(LOADERS, "load model")
            raise ModelError(f"passed its trial, and then was not loaded within {self._seconds:g} s") from None
        try:
            if await asyncio.to_thread(fingerprint, folder.path) != before:
                raise FolderChangedError("changes while it is loaded; it is tried again once it is left alone")
            await asyncio.to_thread(self._served.add, digest)
        except BaseException:
            await model.batcher.close()
            raise
        return model
