"""Which texts are acceptable, and how many at once."""

MAX_CHARACTERS = 10_000
"""The longest text, in characters (Unicode code points)."""

MAX_TEXTS = 256
"""The most texts of one batch."""

MAX_BATCH_CHARACTERS = 1_000_000
"""The most characters of all texts of a batch together."""

MAX_BATCH_BYTES = 12 * 1024 * 1024
"""What the largest batch needs in its longest spelling: two escapes of six bytes for a character, such as an emoji."""


def check_text(text: str) -> str:
    """Raises ValueError for a text that no model should see and no database can store."""
    if not text or text.isspace():
        raise ValueError("must not be blank")
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"must have at most {MAX_CHARACTERS} characters")
    if "\0" in text:
        raise ValueError("must not contain the character NUL")
    if not is_unicode(text):
        raise ValueError("must not contain half a character (a lone surrogate)")
    return text


def is_unicode(text: str) -> bool:
    """Whether all its characters are real ones; JSON can spell some that are not, such as half a pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
