"""Takes a backup apart, once it is seen to be whole."""

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from local.archive.form import DUMP, FORM, LIST, MODELS, REVISION, check_room, printable
from local.errors import CannotRunError
from prediction_service.models.folders.listing import NAME, VERSION, list_folders
from shared.database.schema_version import NEWEST_REVISION

MOST_LIST_BYTES = 64 << 20
CHUNK_BYTES = 1 << 20


def unpack(file: Path, folder: Path) -> str:
    """Takes an archive apart, once it is seen to be whole; returns its revision. Raises CannotRunError."""
    digests: dict[str, str] = {}
    try:
        with tarfile.open(file) as archive:
            for member in archive:
                if LIST in digests:
                    raise CannotRunError(f"{file} is no backup: something follows its list")
                check_member(file, member, digests)
                digests[member.name] = extract(archive, member, folder)
    except (OSError, EOFError, tarfile.TarError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CannotRunError(f"{file} cannot be read: {reason}") from error
    check_list(file, folder, digests)
    return revision_in(file, folder)


def check_member(file: Path, member: tarfile.TarInfo, seen: dict[str, str]) -> None:
    """Raises CannotRunError for what is not in a backup that we wrote."""
    name, parts = printable(member.name), PurePosixPath(member.name).parts
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise CannotRunError(f"{file} is no backup: {name} in it is not a plain file")
    is_models = len(parts) > 3 and parts[0] == MODELS and NAME.fullmatch(parts[1]) and VERSION.fullmatch(parts[2])
    if member.name not in (REVISION, DUMP, LIST) and (
        not is_models or ".." in parts or "/".join(parts) != member.name or "\0" in member.name
    ):
        raise CannotRunError(f"{file} is no backup: it has no place for {name}")
    if member.name in seen:
        raise CannotRunError(f"{file} is no backup: {name} is in it twice")
    if member.name == LIST and member.size > MOST_LIST_BYTES:
        raise CannotRunError(f"{file} is no backup: its list is too long")


def extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> str:
    """Writes a member below `folder`; returns its digest."""
    check_room(folder, {member.name: member.size})
    path = folder / member.name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = archive.extractfile(member)
    if content is None:
        raise ValueError(f"{member.name} has no content")
    digest = hashlib.sha256()
    with path.open("xb") as output:
        while chunk := content.read(CHUNK_BYTES):
            digest.update(chunk)
            output.write(chunk)
    if path.stat().st_size != member.size:
        raise ValueError("it ends too early")
    path.chmod(member.mode & 0o777 | 0o400)
    return digest.hexdigest()


def check_list(file: Path, folder: Path, digests: dict[str, str]) -> None:
    """Raises CannotRunError unless what was found is what the list says."""
    if digests.pop(LIST, None) is None:
        raise CannotRunError(f"{file} is not whole: the list at its end is missing")
    try:
        found = json.loads((folder / LIST).read_bytes())
        form, files = found["form"], dict(found["files"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise CannotRunError(f"{file} is no backup: its list cannot be read") from None
    if form != FORM:
        raise CannotRunError(f"{file} is of a newer release: its form is {form!r}, and this one's {FORM}")
    for name in (REVISION, DUMP):
        files.setdefault(name, "")
    if different := sorted(name for name in files.keys() | digests.keys() if files.get(name) != digests.get(name)):
        raise CannotRunError(f"{file} is not whole: {printable(different[0])} is missing, or not what was backed up")


def revision_in(file: Path, folder: Path) -> str:
    """That of the schema. Raises CannotRunError for one that this release cannot restore."""
    revision = (folder / REVISION).read_bytes().strip().decode("ascii", "replace")
    if not (revision.isascii() and revision.isdecimal() and len(revision) == len(NEWEST_REVISION)):
        raise CannotRunError(f"{file} is no backup: its revision is no number of {len(NEWEST_REVISION)} digits")
    if revision > NEWEST_REVISION:
        raise CannotRunError(f"{file} is of a newer release: schema {revision}, and this one's is {NEWEST_REVISION}")
    return revision


def mark_of(folder: Path) -> str:
    """What a database is marked with until the models of this backup are added, too; fit for SQL."""
    return f"the models of backup {hashlib.sha256((folder / LIST).read_bytes()).hexdigest()} are still to be added"


@contextmanager
def added_models(source: Path, models: Path) -> Iterator[int]:
    """Copies the versions that are missing to where they will be; they are added if the block ends well.

    What is there stays as it is. Gives how many are added.
    """
    drafts: dict[Path, Path] = {}
    found = list_folders(source)
    if found.fault and source.exists():
        raise CannotRunError(found.fault)
    try:
        for version in found.models:
            place = models / version.name / version.version
            if os.path.lexists(place):
                continue
            draft = place.with_name(f".{place.name}.part")
            shutil.rmtree(draft, ignore_errors=True)
            drafts[draft] = place
            shutil.copytree(version.path, draft)
        yield len(drafts)
        for draft, place in drafts.items():
            draft.rename(place)
    finally:
        for draft in drafts:
            shutil.rmtree(draft, ignore_errors=True)
            with suppress(OSError):
                draft.parent.rmdir()  # of a model of which nothing was added
