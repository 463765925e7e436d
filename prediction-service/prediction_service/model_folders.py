"""What lies in the model repository on disk: `<name>/<version>/`, nothing opened yet.

Names that begin with a dot are left alone, so that a folder can be filled under such a name and then renamed.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from prediction_service.models.contents import Fingerprint, fingerprint

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
    """Folder → why it cannot be a model."""


def list_folders(root: Path) -> FolderList:
    """Everything below `root`; a root that is not there has nothing in it."""
    found = FolderList()
    for model in folders_in(root):
        versions = folders_in(model)
        if not NAME.fullmatch(model.name):
            found.misnamed[readable(model.name)] = "a model's name has letters, digits, '.', '_' and '-', at most 100"
        elif not versions:
            found.misnamed[readable(model.name)] = "has no version folder, such as 1.0.0"
        else:
            add_versions(found, model.name, versions)
    return found


def add_versions(found: FolderList, name: str, versions: list[Path]) -> None:
    """Notes the versions of one model."""
    for path in versions:
        if VERSION.fullmatch(path.name):
            found.models[ModelFolder(name, path.name, path)] = fingerprint(path)
        else:
            found.misnamed[readable(f"{name}/{path.name}")] = "a version has the form X.Y.Z"


def readable(text: str) -> str:
    """Text with names of files in it, as text that can be sent: what of them is not UTF-8 is escaped."""
    return text.encode(errors="backslashreplace").decode()


def folders_in(folder: Path) -> list[Path]:
    """Its subfolders by name; none if it cannot be read, which may happen while somebody changes it."""
    try:
        return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []
