"""What this gateway has refused with 429, by reason: counted where it is refused, nothing of it is kept by client."""

from collections import Counter
from enum import StrEnum


class Reason(StrEnum):
    """Why a request was refused."""

    INGRESS = "ingress"
    """Its client has used up its quota."""
    IN_FLIGHT = "in_flight"
    """Its client waits for as many responses as it may."""
    WRONG_TOKENS = "wrong_tokens"
    """Its client has sent too many wrong tokens."""


Refused = Counter[Reason]
"""Since the start of this process. Changed on the event loop alone."""
