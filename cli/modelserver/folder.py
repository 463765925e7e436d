"""A model's folder: where it is, and how it appears at once and whole."""

import re
import shutil
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from modelserver.errors import RefusedError

VERSION = re.compile(r"(?:0|[1-9]\d{0,8})(?:\.(?:0|[1-9]\d{0,8})){2}")

LIKE_A_VERSION = re.compile(r"v?\d+(?:\.\d+)+")
"""What is meant as a version, such as `1.0` or `v1.0.0`: no server looks into a folder of that name."""

FIRST_VERSION = "1.0.0"


def version_folder(path: Path) -> Path:
    """The folder of a version: `models/churn/1.0.0` as it is, `models/churn` with the first version behind it.

    Raises ArgumentTypeError for what looks like another kind of version.
    """
    path = Path(path)
    if VERSION.fullmatch(path.name):
        return path
    if LIKE_A_VERSION.fullmatch(path.name):
        raise ArgumentTypeError(f"{path.name} is no version; versions are of the form X.Y.Z, such as {FIRST_VERSION}")
    return path / FIRST_VERSION


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """A folder to fill, under a hidden name that no server looks at; it gets its own name when all is in it.

    Raises RefusedError when there is one of that name already.
    """
    if folder.exists():
        raise RefusedError(f"{folder} is there already; take another version, or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield draft
        draft.chmod(0o755)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
