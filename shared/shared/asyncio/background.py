"""A task beside everything else: started, watched, and ended.

A cancellation can be lost: in the depths of a client library, in a cleanup that fails, until Python 3.13 in a TaskGroup
of which a member fails at the same moment. Therefore a task that goes on is cancelled again.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Self

import structlog

CANCEL_AGAIN_SECONDS = 2.0
"""Longer than any cleanup here takes, so that none is cut short."""

log = structlog.get_logger()


class Background:
    """Runs `work` in a task for as long as a block lasts, or from `start` to `end` of its owner.

    Work that fails ends, and the log says so at once; the block and its end go on without it. Work that must outlive
    its failures catches them itself.
    """

    def __init__(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        self._work, self._name = work, name
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    def start(self) -> None:
        """Begins the work; once until it is ended."""
        if self._task is not None:
            raise RuntimeError(f"{self._name} runs already")
        self._task = asyncio.create_task(self._work(), name=self._name)
        self._task.add_done_callback(self._note_end)

    async def end(self) -> None:
        """Cancels the work and returns when it has ended. Nothing to end: returns at once."""
        task, self._task = self._task, None
        if task is not None:
            await end(task)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background task failed", task=self._name, exc_info=error)


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels tasks and returns when all have ended, in whatever way; what they raise stays theirs.

    Cancelled itself, it passes that on at once: what it has cancelled ends without it.
    """
    going_on = {task for task in tasks if not task.done()}
    while going_on:
        for task in going_on:
            task.cancel()
        _, going_on = await asyncio.wait(going_on, timeout=CANCEL_AGAIN_SECONDS)
