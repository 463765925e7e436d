"""Looks at the folders of the model repository at intervals, and reports what it finds there."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from prediction_service.models.folders.listing import FolderList, ModelFolder, encodable, list_folders

WATCH_SECONDS = 1.0
"""Between two looks. A changed folder is reported as settled when two looks in a row find it the same: a copy that is
still under way is left alone."""

log = structlog.get_logger()

Follow = Callable[[FolderList, Iterable[ModelFolder]], None]
"""Takes what a look found, and the folders that have settled: those that may be loaded now."""


class FolderWatch:
    """Calls `follow` after each look at the folders below `root`, if the look worked."""

    def __init__(self, root: Path, follow: Follow) -> None:
        self._root, self._follow = root, follow
        self.trouble = ""
        """Why the folders cannot be followed at the moment; empty while they can. Loaded models go on meanwhile."""

    async def run(self, last: FolderList) -> None:
        """Looks again and again, until it is cancelled. `last` is what the look before found."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            found = await self.look()
            self.report(
                found,
                [folder for folder, fingerprint in found.models.items() if last.models.get(folder) == fingerprint],
            )
            last = found

    async def look(self) -> FolderList:
        """What is there now. Never raises: one failed look must not end the watch."""
        try:
            return await asyncio.to_thread(list_folders, self._root)
        except Exception as error:
            log.exception("model folders cannot be looked at")
            return FolderList(fault=f"MODELS_DIR cannot be looked at: {type(error).__name__}: {error}")

    def report(self, found: FolderList, settled: Iterable[ModelFolder]) -> None:
        """Calls `follow`. A failure is kept in `trouble`, logged once, and tried again after the next look."""
        trouble = found.fault
        if not trouble:
            try:
                self._follow(found, settled)
            except Exception as error:
                log.exception("model folders cannot be followed")
                trouble = f"the models cannot be followed: {type(error).__name__}: {error}"
        if trouble and trouble != self.trouble:
            log.warning("models are not followed; those loaded go on", reason=trouble)
        self.trouble = encodable(trouble)
