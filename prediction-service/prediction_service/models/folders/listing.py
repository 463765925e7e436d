"""The folders of the model repository, `<name>/<version>/`, without opening a file.

Names that begin with a dot are ignored, so that a folder can be filled under such a name and then renamed.
"""

import errno
import re
from dataclasses import dataclass, field
from pathlib import Path

from prediction_service.models.folders.contents import Fingerprint, PathEntry, fingerprint, stat_entry

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
VERSION = re.compile(r"(?:0|[1-9]\d{0,8})(?:\.(?:0|[1-9]\d{0,8})){2}")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """The folder of one version of a model."""

    name: str
    version: str
    path: Path

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"

    @property
    def precedence(self) -> tuple[int, ...]:
        """Orders versions: 1.10.0 comes after 1.9.0."""
        return tuple(int(part) for part in self.version.split("."))


@dataclass(slots=True)
class FolderList:
    """What one look at the repository found."""

    models: dict[ModelFolder, Fingerprint] = field(default_factory=dict)
    misnamed: dict[str, str] = field(default_factory=dict)
    """Folder → why it is not a model's folder, or cannot be read."""
    unreadable: set[str] = field(default_factory=set)
    """Names of models whose folder cannot be read at the moment, so that their versions are unknown."""
    fault: str = ""
    """Why the repository as a whole could not be read; then the rest is empty."""

    def is_gone(self, folder: ModelFolder) -> bool:
        """Whether a folder that was there before has certainly vanished."""
        return not self.fault and folder.name not in self.unreadable and folder not in self.models


def list_folders(root: Path) -> FolderList:
    """Everything below `root`. An entry that cannot be read does not hide the others."""
    found = FolderList()
    try:
        models = folders_in(root)
    except OSError as error:
        found.fault = f"MODELS_DIR cannot be read: {error.strerror}"
        return found
    for model in models:
        if not NAME.fullmatch(model.name):
            found.misnamed[encodable(model.name)] = "a model's name has letters, digits, '.', '_' and '-', at most 100"
        elif leads_to(model.path, root):
            found.misnamed[encodable(model.name)] = "is a link to the model repository itself, or to a folder around it"
        else:
            add_versions(found, model)
    return found


def add_versions(found: FolderList, model: PathEntry) -> None:
    """Adds the versions of one model to `found`."""
    try:
        if model.fault is not None:
            raise model.fault
        versions = folders_in(model.path)
    except OSError as error:
        found.misnamed[model.name] = f"cannot be read: {error.strerror}"
        found.unreadable.add(model.name)
        return
    if not versions:
        found.misnamed[model.name] = "has no version folder, such as 1.0.0"
    for version in versions:
        if VERSION.fullmatch(version.name):
            found.models[ModelFolder(model.name, version.name, version.path)] = fingerprint(version.path)
        else:
            found.misnamed[encodable(f"{model.name}/{version.name}")] = "a version has the form X.Y.Z"


def leads_to(link: Path, root: Path) -> bool:
    """Whether a link leads to `root` or a folder around it: then the folders in it are not versions of one model."""
    try:
        return link.is_symlink() and root.resolve().is_relative_to(link.resolve())
    except (OSError, RuntimeError):  # the link leads nowhere, or in a circle
        return False


def encodable(text: str) -> str:
    """The same text; bytes of file names that are not UTF-8 are escaped, so that it can be sent as JSON."""
    return text.encode(errors="backslashreplace").decode()


NOT_THERE = (errno.ENOENT, errno.ENOTDIR)


def folders_in(folder: Path) -> list[PathEntry]:
    """Subfolders by name, and entries that cannot be looked at and so may be folders. Raises OSError."""
    found = [stat_entry(path, path.name) for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    return [entry for entry in found if entry.is_folder or (entry.fault and entry.fault.errno not in NOT_THERE)]
