"""The contents of a model's folder: a fingerprint that shows changes, and a digest of all bytes.

Links are followed, as they are when the model is loaded.
"""

import hashlib
import os
import stat
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from prediction_service.batching.runtime import ModelError, NotInTimeError
from shared.settings.opening import without_waiting

Fingerprint = tuple[tuple[str | int, ...], ...]
"""Path, device, inode, kind and rights, size, times of change of content and of rights (ns) of each file; or the error
that prevented reading them. Device and inode are there because files of images and reproducible archives often have
equal sizes and times."""

MOST_FILES = 5_000
"""Files and folders in one folder; a model has a dozen."""

CHUNK_BYTES = 1 << 20


class TooManyFilesError(ModelError):
    """A folder has more files than any model needs."""

    def __init__(self) -> None:
        super().__init__(f"has more than {MOST_FILES:,} files and folders (does a link lead out of it?)")


def fingerprint(folder: Path) -> Fingerprint:
    """The fingerprint of everything below `folder`, without opening a file. A file that vanishes meanwhile is left out.

    For a folder with too many files it is only that error and the folder itself: a partial list would differ each time.
    """
    try:
        return tuple(sorted(attributes(entry) for entry in entries(folder)))
    except TooManyFilesError as error:
        return (str(error),), attributes(stat_entry(folder, "."))


class PathEntry(NamedTuple):
    """The folder itself, or something below it."""

    name: str
    path: Path
    status: os.stat_result | None
    """None if it cannot be looked at."""
    fault: OSError | None = None
    """Why it cannot be looked at, or what is in it cannot be listed."""

    @property
    def is_folder(self) -> bool:
        """False if it cannot be looked at."""
        return self.status is not None and stat.S_ISDIR(self.status.st_mode)


def attributes(entry: PathEntry) -> tuple[str | int, ...]:
    """What a fingerprint has of one entry."""
    fault = () if entry.fault is None else (entry.fault.errno or 0,)
    if (status := entry.status) is None:
        return entry.name, *fault
    content = () if entry.is_folder else (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return entry.name, status.st_dev, status.st_ino, status.st_mode, *content, *fault


def entries(folder: Path) -> list[PathEntry]:
    """The folder and all that is below it, also what cannot be looked at. Raises TooManyFilesError.

    Links are followed; a link to a folder that contains it is left out.
    """
    found: list[PathEntry] = []
    unvisited: list[tuple[Path, frozenset[tuple[int, int]]]] = [(folder, frozenset())]
    while unvisited:
        path, above = unvisited.pop()
        entry = stat_entry(path, os.path.relpath(path, folder))
        if entry.status is None or not entry.is_folder:
            found.append(entry)
            continue
        identity = entry.status.st_dev, entry.status.st_ino
        if identity in above:
            continue
        try:
            below = listed(path)
        except OSError as error:
            found.append(entry._replace(fault=error))
            continue
        found.append(entry)
        unvisited += [(child, above | {identity}) for child in below]
        if len(found) + len(unvisited) > MOST_FILES:
            raise TooManyFilesError
    return found


def stat_entry(path: Path, name: str) -> PathEntry:
    """One entry. Links are followed; an error becomes its `fault`."""
    try:
        return PathEntry(name, path, path.stat())
    except OSError as error:
        return PathEntry(name, path, None, error)


def listed(folder: Path) -> list[Path]:
    """The entries of a folder, at most one more than MOST_FILES. Raises OSError."""
    with os.scandir(folder) as found:
        return [Path(entry.path) for entry in islice(found, MOST_FILES + 1)]


def files_in(folder: Path) -> list[tuple[str, Path]]:
    """Name and path of everything that is not a folder. Raises ModelError if something cannot be looked at."""
    found = sorted(entries(folder), key=lambda entry: entry.name)
    for name, _, _, fault in found:
        if fault is not None:
            raise ModelError(f"{name} cannot be read: {fault.strerror}") from fault
    return [(entry.name, entry.path) for entry in found if not entry.is_folder]


def digest_of(folder: Path, seconds: float, most_bytes: int) -> str:
    """SHA-256 over the names and bytes of all files. Raises ModelError.

    Only plain files are read: a pipe would never end, and a device has no size. More than `most_bytes`, or reading for
    longer than `seconds`, is an error (NotInTimeError).
    """
    digest, end, left = hashlib.sha256(), monotonic() + seconds, most_bytes
    for name, path in files_in(folder):
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
                        raise NotInTimeError(
                            f"cannot be read within {seconds:g} s: {name} has {status.st_size:,} bytes"
                        )
        except OSError as error:
            raise ModelError(f"{name} cannot be read: {error.strerror}") from error
    return f"sha256:{digest.hexdigest()}"
