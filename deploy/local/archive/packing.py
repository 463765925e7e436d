"""Writes a backup."""

import hashlib
import io
import json
import os
import stat
import tarfile
from pathlib import Path
from typing import IO

from local.archive.form import DUMP, FORM, LIST, MODELS, REVISION, check_room, printable, versions_in
from local.errors import CannotRunError
from prediction_service.models.contents import TooManyFilesError, entries
from prediction_service.models.plain_files import without_waiting


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
    if not models.is_dir():
        raise CannotRunError(f"MODELS_DIR: there is no folder {models}")
    found: dict[str, Path] = {}
    left_out = []
    for version in versions_in(models):
        place = f"{MODELS}/{version.parent.name}/{version.name}"
        try:
            below = [(f"{place}/{name}", path) for name, path in entries(version) if not path.is_dir()]
        except TooManyFilesError as error:
            left_out.append(f"{place} {error}")
            continue
        for name, path in below:
            if fault := fault_of(path):
                left_out.append(f"{name} {fault}")
            else:
                found[name] = path
    return dict(sorted(found.items())), [printable(line) for line in left_out]


def fault_of(path: Path) -> str:
    """Why this cannot be in a backup; empty if it can. No model could be loaded with it."""
    try:
        is_plain = stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        return f"leads nowhere: {error.strerror}"
    return "" if is_plain else "is not a plain file"


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
