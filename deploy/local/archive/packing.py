"""Writes a backup."""

import errno
import hashlib
import io
import json
import os
import stat
import tarfile
from pathlib import Path
from typing import IO

from local.archive.form import DUMP, FORM, LIST, MODELS, REVISION, check_room, printable
from local.errors import CannotRunError
from prediction_service.models.folders.contents import PathEntry, TooManyFilesError, entries
from prediction_service.models.folders.listing import list_folders
from prediction_service.models.folders.plain_files import is_folder
from shared.settings.opening import without_waiting

NOWHERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def pack(file: Path, revision: Path, dump: Path, models: Path) -> list[str]:
    """Writes the archive; it appears once it is complete. Returns what was left out, and why. Raises CannotRunError."""
    found, left_out = files_of(models)
    members = {REVISION: revision, DUMP: dump, **found}
    check_room(file.parent, {name: path.stat().st_size for name, path in members.items()})
    draft = file.with_name(file.name + ".part")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
            with tarfile.open(fileobj=output, mode="w") as archive:
                digests = {name: add(archive, name, path) for name, path in members.items()}
                content = json.dumps({"form": FORM, "files": digests}, indent=1).encode()
                archive.addfile(header(LIST, len(content)), io.BytesIO(content))
            output.flush()
            os.fsync(output.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return left_out


def files_of(models: Path) -> tuple[dict[str, Path], list[str]]:
    """Name in the archive → file, of all versions of all models; and what is left out, and why."""
    if not is_folder(models):
        raise CannotRunError(f"MODELS_DIR: there is no folder {models}")
    seen = list_folders(models)
    if seen.fault:
        raise CannotRunError(seen.fault)
    found: dict[str, Path] = {}
    left_out = [f"{MODELS}/{folder} {reason}" for folder, reason in seen.misnamed.items()]
    for version in seen.models:
        try:
            below = entries(version.path)
        except TooManyFilesError as error:
            left_out.append(f"{MODELS}/{version} {error}")
            continue
        for entry in below:
            name = f"{MODELS}/{version}" + (f"/{entry.name}" if entry.name != "." else "")
            if fault := fault_of(entry):
                left_out.append(f"{name} {fault}")
            elif not entry.is_folder:
                found[name] = entry.path
    return dict(sorted(found.items())), [printable(line) for line in sorted(left_out)]


def fault_of(entry: PathEntry) -> str:
    """Why this cannot be in a backup; empty if it can. No model could be loaded with it."""
    if entry.fault is not None:
        kind = "leads nowhere" if entry.fault.errno in NOWHERE else "cannot be read"
        return f"{kind}: {entry.fault.strerror}"
    if entry.status is None or entry.is_folder:
        return ""
    if not stat.S_ISREG(entry.status.st_mode):
        return "is not a plain file"
    try:
        with open(entry.path, "rb", opener=without_waiting):
            return ""
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def add(archive: tarfile.TarFile, name: str, path: Path) -> str:
    """Adds a file; returns its digest. Raises CannotRunError when it changes meanwhile."""
    with open(path, "rb", opener=without_waiting) as file:
        status = os.fstat(file.fileno())
        content = Hashed(file)
        try:
            archive.addfile(header(name, status.st_size, status.st_mode), content)
        except OSError as error:
            if error.errno is not None:
                raise
            raise CannotRunError(f"{printable(name)} changed while it was read; begin again") from None
        if os.fstat(file.fileno()).st_mtime_ns != status.st_mtime_ns:
            raise CannotRunError(f"{printable(name)} changed while it was read; begin again")
    return content.digest.hexdigest()


class Hashed(io.RawIOBase):
    """A file that is digested while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        content = self._file.read(size)
        self.digest.update(content)
        return content


def header(name: str, size: int, mode: int = 0o644) -> tarfile.TarInfo:
    """Of a plain file that belongs to nobody in particular."""
    found = tarfile.TarInfo(name)
    found.size, found.mode = size, stat.S_IMODE(mode) & 0o777
    return found
