"""The status of one folder of the model repository. Only the event loop changes it."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from prediction_service.models.folders.contents import Fingerprint
from prediction_service.models.model import Model

RETRY_SECONDS = 10.0
"""A model whose call did not return, or that was not ready in time, is loaded again after this time; each further time
it is twice as long."""

MOST_RETRY_SECONDS = 600.0

STUCK = "That call still runs and keeps its memory: it is loaded anew when it ends; a restart of the service ends it."


class State(StrEnum):
    """Whether a folder is served; its values are part of the API."""

    READY = "ready"
    OUTDATED = "outdated"
    """The previous contents are served, because the present ones cannot be served (yet)."""
    UNAVAILABLE = "unavailable"
    """A call did not return; requests for the model are refused until it is loaded again."""
    LOADING = "loading"
    SKIPPED = "skipped"
    UNLOADED = "unloaded"
    """By hand."""


@dataclass(slots=True)
class FolderStatus:
    """What happened to the folder of one version, and the model that was loaded from it."""

    fingerprint: Fingerprint | None = None
    """What was in the folder at the last attempt to load it, successful or not."""
    model: Model | None = None
    fault: str = ""
    """Why the present contents are not served; empty if they are, or if that is not yet known."""
    loading: asyncio.Task[None] | None = None
    attempted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the first attempt has succeeded, failed, or turned out to take long: the start waits for no more."""
    is_gone: bool = False
    """Whether the folder has vanished."""
    failures: int = 0
    """How often a call of its model did not return, or it was not ready in time."""
    retry_at: float = 0.0
    """When the model is to be loaded again (`time.monotonic`); 0: not planned."""

    @property
    def is_loading(self) -> bool:
        """Whether it is being tried or loaded at the moment."""
        return self.loading is not None and not self.loading.done()

    @property
    def state(self) -> State:
        """In one word."""
        if self.model is not None:
            if self.model.batcher.unavailable:
                return State.UNAVAILABLE
            return State.OUTDATED if self.fault or self.is_loading or self.is_gone else State.READY
        return State.SKIPPED if self.fault and not self.is_loading else State.LOADING

    @property
    def reason(self) -> str:
        """Why the state is not READY, or what happened to a model that is, for operators; else empty."""
        if self.model is not None and self.model.batcher.unavailable:
            again = "it is loaded anew by itself" if not self.model.batcher.is_stuck else STUCK
            return f"{self.model.batcher.unavailable} {again}"
        if self.model is not None and self.is_gone:
            return "its folder is gone; it serves until another version does"
        if self.is_loading:
            return "what is there now is being tried" if self.model is not None else "is being tried"
        if self.model is not None and self.fault:
            return f"what is there now cannot be served: {self.fault}"
        return self.fault or (
            self.model.batcher.note if self.model is not None else "is new, and is tried once it is left alone"
        )

    @property
    def misfit(self) -> str:
        """Why what is in the folder cannot be served; empty if it can, or if that is not known yet."""
        if self.is_gone:
            return "its folder is gone"
        is_settled = self.fingerprint is not None
        return f"what is there now cannot be served: {self.fault}" if self.fault and is_settled else ""

    def note_unavailable(self, now: float) -> None:
        """Plans the next load, when the model is first seen to be unavailable."""
        if not self.retry_at:
            self.plan_retry(now)

    def plan_retry(self, now: float) -> None:
        """What did not end in time may do so next time; a busy machine is given more time from time to time."""
        self.retry_at = now + min(RETRY_SECONDS * 2**self.failures, MOST_RETRY_SECONDS)
        self.failures += 1

    def is_retry_due(self, now: float) -> bool:
        """Whether it is to be loaded again now: never while a call that did not return still runs."""
        is_lacking = bool(self.fault or (self.model is not None and self.model.batcher.unavailable))
        is_stuck = self.model is not None and self.model.batcher.is_stuck
        return is_lacking and not is_stuck and now >= self.retry_at > 0
