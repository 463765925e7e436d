"""Text that looks like what it is; pure."""

import unicodedata

UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode's categories of what has no look of its own: control and format characters (those that turn the direction of
text among them), halves of characters, what means nothing, and line ends."""

JOINERS = "\u200c\u200d"
"""Format characters that scripts and emoji are written with."""


def readable(text: str) -> str:
    """The text. Raises ValueError for one that does not look like what it is."""
    if any(unicodedata.category(char) in UNSEEN and char not in JOINERS for char in text):
        raise ValueError("must have no control, direction or other invisible characters")
    return text
