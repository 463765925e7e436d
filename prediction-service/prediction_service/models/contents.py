"""What lies in a model's folder: whether it is still what it was, and which bytes they are.

Links are followed, as they are when the model is loaded.
"""

import hashlib
import os
import stat
from itertools import islice
from pathlib import Path
from time import monotonic

from prediction_service.models.plain_files import without_waiting
from prediction_service.runtimes.base import ModelError

Fingerprint = tuple[tuple[str | int, ...], ...]
"""Path, device, inode, kind and rights, size, times of change of content and of rights (ns) of each file; or why there
is no knowing. Equal sizes and times, as in images and reproducible archives, do not make two files one."""

MOST_FILES = 5_000
"""Files and folders in one folder; a model has a dozen."""

CHUNK_BYTES = 1 << 20


class TooManyFilesError(ModelError):
    """Nobody wants to read all that."""

    def __init__(self) -> None:
        super().__init__(f"has more than {MOST_FILES:,} files and folders (does a link lead out of it?)")


def fingerprint(folder: Path) -> Fingerprint:
    """Of everything below `folder`, without opening a file. A file that vanishes meanwhile counts as absent.

    Where there is more than any model has, that alone is said: it would be something else at every look.
    """
    try:
        return tuple(sorted(described(path, name) for name, path in entries(folder)))
    except TooManyFilesError as error:
        return (str(error),), described(folder, ".")


def described(path: Path, name: str) -> tuple[str | int, ...]:
    """One entry of a fingerprint."""
    try:
        status = path.stat()
    except OSError as error:
        return name, error.errno or 0
    content = () if stat.S_ISDIR(status.st_mode) else (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return name, status.st_dev, status.st_ino, status.st_mode, *content


def entries(folder: Path) -> list[tuple[str, Path]]:
    """Name and path of the folder and of all that is below it. Raises TooManyFilesError.

    Links are followed; a folder that is linked into itself is left out there.
    """
    found: list[Path] = []
    waiting: list[tuple[Path, frozenset[tuple[int, int]]]] = [(folder, frozenset())]
    while waiting:
        parent, above = waiting.pop()
        who = identity(parent)
        if who is None or who in above:
            continue
        found.append(parent)
        for path in listed(parent):
            if path.is_dir():
                waiting.append((path, above | {who}))
            else:
                found.append(path)
            if len(found) + len(waiting) > MOST_FILES:
                raise TooManyFilesError
    return [(os.path.relpath(path, folder), path) for path in found]


def listed(folder: Path) -> list[Path]:
    """What is in a folder, no more than matters; nothing if it cannot be read."""
    try:
        with os.scandir(folder) as found:
            return [Path(entry.path) for entry in islice(found, MOST_FILES + 1)]
    except OSError:
        return []


def identity(folder: Path) -> tuple[int, int] | None:
    """Which folder this is, by whatever path; None if it has gone."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def digest_of(folder: Path, seconds: float, most_bytes: int) -> str:
    """SHA-256 over the names and bytes of all files. Raises ModelError.

    Only plain files are read: a pipe would never end, and a device has no size. What takes longer than
    `seconds`, or has more than `most_bytes`, is given up.
    """
    digest, end, left = hashlib.sha256(), monotonic() + seconds, most_bytes
    found = sorted((name, path) for name, path in entries(folder) if not path.is_dir())
    for name, path in found:
        try:
            with open(path, "rb", opener=without_waiting) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise ModelError(f"{name} is not a plain file")
                if (left := left - status.st_size) < 0:
                    raise ModelError(f"is too large for the memory of a model: {name} has {status.st_size:,} bytes")
                digest.update(f"{len(name)}:{name}:{status.st_size}:".encode("utf-8", "surrogateescape"))
                while chunk := file.read(CHUNK_BYTES):
                    digest.update(chunk)
                    if monotonic() > end:
                        raise ModelError(f"cannot be read within {seconds:g} s: {name} has {status.st_size:,} bytes")
        except OSError as error:
            raise ModelError(f"{name} cannot be read: {error.strerror}") from error
    return f"sha256:{digest.hexdigest()}"
