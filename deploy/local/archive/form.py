"""What packing and unpacking agree on."""

import shutil
from pathlib import Path

from local.errors import CannotRunError

REVISION, DUMP, MODELS, LIST = "revision", "schemas.dump", "models", "list.json"

FORM = 1
"""Of the list; grows when older releases could not read a backup any more."""

BLOCK_BYTES = 1024
"""What a file takes in the archive besides its content, at most."""


def check_room(folder: Path, sizes: dict[str, int]) -> None:
    """Raises CannotRunError when the folder's disk cannot take all that."""
    needed, free = sum(sizes.values()) + BLOCK_BYTES * len(sizes), shutil.disk_usage(folder).free
    if needed > free:
        largest = max(sizes, key=lambda name: sizes[name])
        raise CannotRunError(
            f"{needed:,} bytes are needed in {folder} and {free:,} are free; the largest is "
            f"{printable(largest)} with {sizes[largest]:,}"
        )


def printable(text: str) -> str:
    """Text with names of files in it, fit for a terminal."""
    return "".join(sign if sign.isprintable() else sign.encode(errors="surrogateescape").hex() for sign in text)


def told(error: OSError) -> str:
    """An error of the system, for a person."""
    return f"{printable(str(error.filename))}: {error.strerror}" if error.filename else str(error.strerror or error)
