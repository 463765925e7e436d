"""Files that somebody else put there: opened without waiting, whatever they are.

Python's own `is_dir` and `is_file` raise for what cannot be looked at (no right, a name that is too long, a disk that
fails); nothing of that may end more than the look at this one entry.
"""

import errno
import os
import stat
from pathlib import Path

from shared.settings.opening import without_waiting


def is_folder(path: Path) -> bool:
    """Whether a folder is there, as far as can be seen."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether a plain file is there, as far as can be seen."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def read_plain(path: Path, most_bytes: int) -> bytes:
    """The first bytes of a plain file. Raises OSError, also for whatever is none."""
    with open(path, "rb", opener=without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "is not a plain file", str(path))
        return file.read(most_bytes)


def replace_plain(path: Path, draft: Path, content: bytes) -> None:
    """Writes a file by way of `draft`, of which nothing stays when it fails. Raises OSError."""
    try:
        with open(draft, "wb", opener=without_waiting) as file:
            file.write(content)
        draft.replace(path)
    except OSError:
        remove(draft)
        raise


def remove(path: Path) -> None:
    """Deletes a file if that can be done."""
    try:
        path.unlink()
    except OSError:
        return
