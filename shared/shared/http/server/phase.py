"""What a connection awaits."""

from enum import Enum, auto


class Phase(Enum):
    """One after the other, and from the third back to the first with each request."""

    HEAD = auto()
    """A request, or its rest."""
    BODY = auto()
    """The rest of a request's body; its response may have been sent before."""
    RESPONSE = auto()
    """The end of the response. What arrives is held."""
    LINGER = auto()
    """The client, who leaves. What arrives is dropped."""
    CLOSED = auto()


HEAD, BODY, RESPONSE, LINGER, CLOSED = Phase
