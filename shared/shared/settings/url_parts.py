"""The parts of a URL in a setting: what they stand for, and nothing in them that would fail later."""

import re
import unicodedata
from urllib.parse import unquote_to_bytes


def check_printable(url: str) -> None:
    """Raises ValueError for what copying leaves in a URL: line ends, blanks, signs that nobody sees."""
    if any(sign.isspace() or not sign.isprintable() for sign in url):
        raise ValueError("has a blank or something that cannot be printed in it; within a part a blank is written %20")


def decoded(text: str, what: str) -> str:
    """A part of the URL with what %xx stands for, as libpq reads it. Raises ValueError, which names the part."""
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise ValueError(f"has a % in {what} that no two hexadecimal digits follow; the sign itself is written %25")
    try:
        found = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise ValueError(f"has something in {what} that is not UTF-8") from None
    if any(unicodedata.category(sign) == "Cc" for sign in found):
        raise ValueError(f"has a control character in {what}")
    return found


def check_host_name(name: str) -> None:
    """Raises ValueError for what is neither a name nor an address."""
    if any(sign.isspace() or sign in "/?#@[]\\" for sign in name):
        raise ValueError("names a host with a sign in it that no host's name has")
