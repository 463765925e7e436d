"""What a key looks like: `msk_` and 43 characters, which are 32 random bytes. Nobody keeps it, but whoever gets it."""

import hashlib
import secrets
from typing import NamedTuple

BEGINNING = "msk_"
"""By which secret scanners and people tell keys from other words."""

RANDOM_BYTES = 32
PREFIX_CHARACTERS = len(BEGINNING) + 6
"""So much is on display, so that people can tell their keys: 36 of 256 random bits."""


class NewSecret(NamedTuple):
    """A key that has just been made; `text` is shown once."""

    text: str
    prefix: str
    digest: bytes


def new_secret() -> NewSecret:
    """A key that nobody has had before."""
    text = BEGINNING + secrets.token_urlsafe(RANDOM_BYTES)
    return NewSecret(text, text[:PREFIX_CHARACTERS], digest_of(text.encode()))


def digest_of(shown: bytes) -> bytes:
    """What is kept of a key: SHA-256 of its text. No slow hash: nobody tries 256 random bits."""
    return hashlib.sha256(shown).digest()


def looks_like_key(shown: bytes) -> bool:
    """Whether this can only have been meant as one of our keys; other words are not ours to judge."""
    return shown.startswith(BEGINNING.encode())
