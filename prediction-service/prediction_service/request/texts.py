"""Which texts are acceptable, and how many at once."""

MAX_CHARACTERS = 10_000
"""The longest text, in characters (Unicode code points)."""

MAX_TEXTS = 256
"""The most texts of one batch."""

MAX_BATCH_CHARACTERS = 1_000_000
"""The most characters of all texts of a batch together."""

MAX_BATCH_BYTES = 12 * 1024 * 1024
"""Size of the largest batch as JSON that escapes every character: an emoji takes two escapes of six bytes."""


def check_text(text: str) -> str:
    """Returns the text. Raises ValueError for one that no model can use, or that Postgres cannot store."""
    if not text or text.isspace():
        raise ValueError("must not be blank")
    return check_storable(text)


def check_storable(text: str) -> str:
    """Returns the text, blank or not. Raises ValueError for one that is too long, or that Postgres cannot store."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"must have at most {MAX_CHARACTERS} characters")
    if "\0" in text:
        raise ValueError("must not contain the character NUL")
    if not is_unicode(text):
        raise ValueError("must not contain half a character (a lone surrogate)")
    return text


def is_unicode(text: str) -> bool:
    """Whether it can be encoded as UTF-8: JSON can contain lone surrogates, which cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
