"""Trials whose success outlives the process: one that would be the same again is not made again."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.remembered import PASSED, RememberedDigests
from prediction_service.models.trials.runner import Trials
from prediction_service.models.trials.same_trial import says_the_same_again, trial_of


class Passed(NamedTuple):
    """What a folder that may be served is, and the name under which that is remembered; None: it is not."""

    manifest: Manifest
    trial: str | None


class RememberedTrials:
    """Trials, and a file of `folder` with the names of those that were passed. `secret`: see `trial_of`."""

    def __init__(self, trials: Trials, folder: Path | None, secret: bytes) -> None:
        self._trials, self._secret = trials, secret
        self._names = RememberedDigests(folder, PASSED)

    async def run(
        self,
        folder: Path,
        digest: str,
        manifest: Manifest | None,
        takes_long: Callable[[], None],
        *,
        first: bool,
        anew: bool,
    ) -> Passed:
        """The folder's trial, unless it was passed before. Raises ModelError with the fault.

        `manifest`: the folder's, if it was cheap to read. `anew`: it is to be tried whatever is remembered. The others
        are those of `Trials.run`.
        """
        memory, name = self._trials.memory_bytes(), None
        if manifest is not None and says_the_same_again(manifest):
            seconds = self._trials.bounds.seconds
            name = await asyncio.to_thread(trial_of, digest, seconds, memory, self._secret)
            if name is not None and name in self._names and not anew:
                return Passed(manifest, None)
        return Passed(await self._trials.run(folder, digest, takes_long, first=first, memory_bytes=memory), name)

    async def confirm(self, passed: Passed) -> None:
        """Remembers a trial, of contents that have not changed while it ran."""
        if passed.trial is not None:
            await asyncio.to_thread(self._names.add, passed.trial)

    def forget(self, digest: str) -> None:
        """For contents that changed meanwhile: it may have been others that passed."""
        self._trials.forget(digest)
