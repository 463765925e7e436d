"""Longer texts that people write into a manifest: they say what they seem to say."""

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Invisible characters, and those that turn the direction of writing, in longer texts."""


def check_text(text: str) -> str:
    """Raises ValueError for a text that contains more, or another order, than what is seen."""
    if HIDDEN.search(text):
        raise ValueError("has a sign in it that nobody sees, or that turns the direction of writing")
    return text


Text = Annotated[str, StringConstraints(max_length=1000), AfterValidator(check_text)]
