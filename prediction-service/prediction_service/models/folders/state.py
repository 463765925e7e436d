"""What is known of one folder of the repository. Only the event loop changes it."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum

from prediction_service.models.folders.contents import Fingerprint
from prediction_service.models.model import Model

RETRY_SECONDS = 10.0
"""After this a model that did not come back from a call is loaded anew; twice as long after each further time."""

MOST_RETRY_SECONDS = 600.0


class State(StrEnum):
    """Where a folder stands."""

    READY = "ready"
    OUTDATED = "outdated"
    """What was there before serves, for what is there now cannot (yet)."""
    UNAVAILABLE = "unavailable"
    """A call did not come back; requests for it are refused until it is loaded anew."""
    LOADING = "loading"
    SKIPPED = "skipped"
    UNLOADED = "unloaded"
    """By hand."""


@dataclass(slots=True)
class FolderState:
    """A version's folder, and the model that was made of it."""

    seen: Fingerprint | None = None
    """What was there when it was last loaded, or tried in vain."""
    model: Model | None = None
    fault: str = ""
    """Why what is there now does not serve; empty if it does, or is not known yet."""
    loading: asyncio.Task[None] | None = None
    judged: asyncio.Event = field(default_factory=asyncio.Event)
    """Whether it was ever loaded, tried in vain, or found to take long: the start waits for no more."""
    gone: bool = False
    given_up: int = 0
    """How often its model did not come back from a call."""
    retry_at: float = 0.0

    @property
    def is_loading(self) -> bool:
        """Whether it is being tried or loaded just now."""
        return self.loading is not None and not self.loading.done()

    @property
    def state(self) -> State:
        """In one word."""
        if self.model is not None:
            if self.model.batcher.unavailable:
                return State.UNAVAILABLE
            return State.OUTDATED if self.fault or self.is_loading or self.gone else State.READY
        return State.SKIPPED if self.fault and not self.is_loading else State.LOADING

    @property
    def reason(self) -> str:
        """What a person should know; empty when all is well."""
        if self.model is not None and self.model.batcher.unavailable:
            again = "it is loaded anew by itself" if not self.model.batcher.is_stuck else STUCK
            return f"{self.model.batcher.unavailable} {again}"
        if self.model is not None and self.gone:
            return "its folder is gone; it serves until another version does"
        if self.is_loading:
            return "what is there now is being tried" if self.model is not None else "is being tried"
        if self.model is not None and self.fault:
            return f"what is there now cannot be served: {self.fault}"
        return self.fault or ("" if self.model is not None else "is new, and is tried once it is left alone")

    def note_unavailable(self, now: float) -> None:
        """Sets when it is loaded anew, the first time that it is seen to be unavailable."""
        if not self.retry_at:
            self.retry_at = now + min(RETRY_SECONDS * 2**self.given_up, MOST_RETRY_SECONDS)
            self.given_up += 1

    def is_due(self, now: float) -> bool:
        """Whether a model that was given up is to be loaded anew: never while it is still in that call."""
        return bool(
            self.model is not None
            and self.model.batcher.unavailable
            and not self.model.batcher.is_stuck
            and now >= self.retry_at > 0
        )


STUCK = "That call still runs and keeps its memory: it is loaded anew when it ends; a restart of the service ends it."
