"""What lies in the model repository on disk: `<name>/<version>/`, nothing opened yet.

Names that begin with a dot are left alone, so that a folder can be filled under such a name and then renamed.
"""

import errno
import re
from dataclasses import dataclass, field
from pathlib import Path

from prediction_service.models.folders.contents import Fingerprint, PathEntry, fingerprint, looked_at

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
    """What was found."""

    models: dict[ModelFolder, Fingerprint] = field(default_factory=dict)
    misnamed: dict[str, str] = field(default_factory=dict)
    """Folder → why it cannot be a model, or cannot be looked into."""
    unseen: set[str] = field(default_factory=set)
    """Models that cannot be looked into just now: nothing is known of what they hold."""
    fault: str = ""
    """Why nothing at all could be seen; empty if the rest is to be believed."""

    def is_gone(self, folder: ModelFolder) -> bool:
        """Whether a folder that was there is so no more, for certain."""
        return not self.fault and folder.name not in self.unseen and folder not in self.models


def list_folders(root: Path) -> FolderList:
    """Everything below `root`. One entry that cannot be looked at hides no other."""
    found = FolderList()
    try:
        models = folders_in(root)
    except OSError as error:
        found.fault = f"MODELS_DIR cannot be read: {error.strerror}"
        return found
    for model in models:
        if not NAME.fullmatch(model.name):
            found.misnamed[readable(model.name)] = "a model's name has letters, digits, '.', '_' and '-', at most 100"
        elif contains(model.path, root):
            found.misnamed[readable(model.name)] = "is a link to the model repository itself, or to a folder around it"
        else:
            add_versions(found, model)
    return found


def add_versions(found: FolderList, model: PathEntry) -> None:
    """Notes the versions of one model."""
    try:
        if model.fault is not None:
            raise model.fault
        versions = folders_in(model.path)
    except OSError as error:
        found.misnamed[model.name] = f"cannot be read: {error.strerror}"
        found.unseen.add(model.name)
        return
    if not versions:
        found.misnamed[model.name] = "has no version folder, such as 1.0.0"
    for version in versions:
        if VERSION.fullmatch(version.name):
            found.models[ModelFolder(model.name, version.name, version.path)] = fingerprint(version.path)
        else:
            found.misnamed[readable(f"{model.name}/{version.name}")] = "a version has the form X.Y.Z"


def contains(link: Path, root: Path) -> bool:
    """Whether what a link leads to is `root` or has it inside: then its folders are no versions of one model."""
    try:
        return link.is_symlink() and root.resolve().is_relative_to(link.resolve())
    except (OSError, RuntimeError):  # nowhere, or in a circle
        return False


def readable(text: str) -> str:
    """Text with names of files in it, as text that can be sent: what of them is not UTF-8 is escaped."""
    return text.encode(errors="backslashreplace").decode()


NOT_THERE = (errno.ENOENT, errno.ENOTDIR)


def folders_in(folder: Path) -> list[PathEntry]:
    """Its subfolders by name, and what may be one and cannot be looked at. Raises OSError."""
    found = [looked_at(path, path.name) for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    return [entry for entry in found if entry.is_folder or (entry.fault and entry.fault.errno not in NOT_THERE)]
