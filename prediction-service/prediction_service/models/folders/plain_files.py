"""Reading files of unknown kind: opening never blocks, not even on a pipe.

Python's own `is_dir` and `is_file` raise for an entry that cannot be looked at (no permission, a name that is too long,
a failing disk). Here such an entry counts as neither, so that it cannot stop the reading of all others.
"""

import errno
import os
import stat
from pathlib import Path

from shared.settings.opening import without_waiting


def is_folder(path: Path) -> bool:
    """Whether it is a folder; False if that cannot be found out."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether it is a plain file; False if that cannot be found out."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def read_plain(path: Path, most_bytes: int, how: int = 0) -> bytes:
    """The first `most_bytes` bytes of a plain file. Raises OSError, also for anything else than a plain file.

    `how`: further flags of open(2), such as O_NOFOLLOW.
    """
    with open(path, "rb", opener=lambda name, flags: without_waiting(name, flags | how)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "is not a plain file", str(path))
        return file.read(most_bytes)


def replace_plain(path: Path, draft: Path, content: bytes) -> None:
    """Writes `draft`, then renames it; if that fails, the draft is removed. Raises OSError."""
    try:
        with open(draft, "wb", opener=without_waiting) as file:
            file.write(content)
        draft.replace(path)
    except OSError:
        remove(draft)
        raise


def remove(path: Path) -> None:
    """Deletes a file, if possible."""
    try:
        path.unlink()
    except OSError:
        return
