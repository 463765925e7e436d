"""The environment of a model with a `requirements.txt`: made ahead, once, under a name that says what is in it."""

import hashlib
import platform
import sys
from pathlib import Path

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.plain_files import read_plain

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


def environment_for(requirements: bytes, root: Path) -> Path:
    """Where the environment of these requirements belongs: the same for all models that ask for the same."""
    version = f"{platform.python_implementation()} {platform.python_version()} {sys.platform} {platform.machine()}"
    key = hashlib.sha256(version.encode() + b"\0" + requirements).hexdigest()[:20]
    return (root / key).absolute()


def environment_of(folder: Path, root: Path) -> Path | None:
    """The environment that a model runs in; None: it asks for none. Raises ModelError, with what makes it."""
    requirements = requirements_of(folder)
    if requirements is None:
        return None
    environment = environment_for(requirements, root)
    if not (environment / COMPLETE).exists():
        raise ModelError(
            f"has a {REQUIREMENTS} whose environment is not made yet: make model-env "
            f"NAME={folder.parent.name}/{folder.name}"
        )
    return environment
