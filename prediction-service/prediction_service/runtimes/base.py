"""What the service expects of a runtime."""

from collections.abc import Sequence
from typing import Protocol


class ModelError(Exception):
    """A model that cannot be loaded; the message is for its author."""


class Runtime(Protocol):
    """A loaded model. Calls come from several threads at once, unless the manifest asks for one worker."""

    def probabilities(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """For each text, the probability of each label, in the manifest's order, as the model gives them.

        What it says about a text must not depend on the other texts of the call.
        """
        ...

    def is_quick(self, texts: Sequence[str]) -> bool:
        """Whether these take less than about a millisecond: then they may run where they are, without a thread."""
        ...

    def stop(self) -> None:
        """Makes the calls that run fail, if they can be made to, and all that come."""
        ...
