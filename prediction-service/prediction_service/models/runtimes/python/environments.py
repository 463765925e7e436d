"""The environment of a model with a `requirements.txt`: made ahead, once, under a name that says what is in it.

What is in it is what the file asks for, also of the model's own folder: wheels (`--find-links wheels`), further files
(`-r`, `-c`), packages (`./mine`). Two models whose files say the same and mean other wheels share nothing.
"""

import hashlib
import platform
import sys
from pathlib import Path

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.contents import files_in
from prediction_service.models.folders.plain_files import is_file, read_plain
from shared.settings.opening import without_waiting

REQUIREMENTS = "requirements.txt"

MOST_BYTES = 1 << 20

COMPLETE = "complete"
"""A file that lies in an environment once everything is installed."""


def requirements_of(folder: Path) -> bytes | None:
    """What a model asks for; None: nothing. Raises ModelError."""
    try:
        content = read_plain(folder / REQUIREMENTS, MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"{REQUIREMENTS} cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise ModelError(f"{REQUIREMENTS} has more than {MOST_BYTES:,} bytes")
    return content


def environment_for(requirements: bytes, folder: Path, root: Path) -> Path:
    """Where the environment of these requirements belongs: the same for all models that ask for the same.

    Raises ModelError where a file that they ask for cannot be read.
    """
    version = f"{platform.python_implementation()} {platform.python_version()} {sys.platform} {platform.machine()}"
    key = hashlib.sha256(version.encode() + b"\0" + requirements)
    for name, path in asked_for(requirements, files_in(folder)):
        try:
            with open(path, "rb", opener=without_waiting) as file:
                content = hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise ModelError(f"{name} cannot be read: {error.strerror}") from error
        key.update(b"\0" + name.encode("utf-8", "surrogateescape") + b"\0" + content)
    return (root / key.hexdigest()[:20]).absolute()


def asked_for(requirements: bytes, files: list[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Those of a model's files that pip may install from: all that can be installed, and what the text speaks of.

    Rather one too many than one too few: then an environment is only made once more.
    """
    if any(name in PROJECTS for name, _ in files):
        return [(name, path) for name, path in files if name != REQUIREMENTS and is_file(path)]
    text, found, left = requirements, dict[str, Path](), files
    while True:
        spoken_of = {
            name: path
            for name, path in left
            if (name.endswith(INSTALLABLE) or name.partition("/")[0].encode("utf-8", "surrogateescape") in text)
            and name != REQUIREMENTS
            and is_file(path)
        }
        if not spoken_of:
            return sorted(found.items())
        found |= spoken_of
        left = [(name, path) for name, path in left if name not in spoken_of]
        text = b"\n".join(read_plain(path, MOST_BYTES) for name, path in spoken_of.items() if name.endswith(LISTS))


PROJECTS = frozenset({"pyproject.toml", "setup.py", "setup.cfg"})
"""Files that make the folder itself a package: `-e .`."""

INSTALLABLE = (".whl", ".tar.gz")

LISTS = (".txt", ".in")
"""Files that may name others."""


def environment_of(folder: Path, root: Path) -> Path | None:
    """The environment that a model runs in; None: it asks for none. Raises ModelError, with what makes it."""
    requirements = requirements_of(folder)
    if requirements is None:
        return None
    environment = environment_for(requirements, folder, root)
    if not (environment / COMPLETE).exists():
        raise ModelError(
            f"has a {REQUIREMENTS} whose environment is not made yet: make model-env "
            f"NAME={folder.parent.name}/{folder.name}"
        )
    return environment
