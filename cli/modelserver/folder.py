"""A model's folder: where it is, and how it appears at once and whole."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from modelserver.errors import RefusedError

VERSION = re.compile(r"(?:0|[1-9]\d{0,8})(?:\.(?:0|[1-9]\d{0,8})){2}")

FIRST_VERSION = "1.0.0"


def version_folder(path: Path) -> Path:
    """The folder of a version: `models/churn/1.0.0` as it is, `models/churn` with the first version behind it."""
    path = Path(path)
    return path if VERSION.fullmatch(path.name) else path / FIRST_VERSION


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
