"""A model's folder: where it is, and how it appears at once and whole."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from modelserver.errors import RefusedError

VERSION = re.compile(r"(?:0|[1-9]\d{0,8})(?:\.(?:0|[1-9]\d{0,8})){2}")

LIKE_A_VERSION = re.compile(
    r"""
    (?: v (?: er (?: sion )? )? [-._]? )?
    \d+
    (?: (?: [-._] \d+ )* (?: [-._+]? (?: alpha | beta | rc | pre | dev | snapshot ) [-._]? \d* )?  # 1, v1.0, 1.0-rc1
      | (?: \. \d+ ){2} \D .*  # 1.0.0+linux
    )
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
"""What is meant as a version: no server looks into a folder of that name. Models are called `bert-2`, `llama3.1`, `7b`
or `3.5-turbo`."""

FIRST_VERSION = "1.0.0"


def version_folder(path: Path) -> Path:
    """The folder of a version: `models/churn/1.0.0` as it is, `models/churn` with the first version behind it.

    Raises RefusedError for what looks like another kind of version; that it is a model's name can be said by a version
    behind it.
    """
    if VERSION.fullmatch(path.name):
        return path
    if LIKE_A_VERSION.fullmatch(path.name):
        raise RefusedError(
            f"{path.name} is no version; versions are of the form X.Y.Z, such as {FIRST_VERSION} "
            f"(for a model of that name: {path / FIRST_VERSION})"
        )
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
