"""Advisory locks: one key each, and all of them in one place."""

import re
from pathlib import Path

import shared.database
from shared.database import locks

MIGRATIONS = Path(shared.database.__file__).parent / "migrations" / "versions"
PRODUCT = Path(shared.database.__file__).parent.parent.parent.parent
TAKEN = re.compile(r"advisory_(?:xact_)?lock(?:_shared)?\((\d+)")


WRITTEN = re.compile(r"4_?703_?118_?28\d")


def keys() -> dict[str, int]:
    return {name: value for name, value in vars(locks).items() if name.isupper()}


def test_no_two_locks_have_the_same_key() -> None:
    assert len(set(keys().values())) == len(keys()) >= 5


def test_postgres_takes_them() -> None:
    """One key is a bigint, each of two an integer."""
    of_two = keys().pop("ROLLUP_WRITERS")
    assert 0 < of_two < 2**31
    assert all(0 < key < 2**63 for key in keys().values())


def test_migrations_take_the_lock_of_the_writers_of_rollups_and_no_other() -> None:
    taken = {key for file in MIGRATIONS.glob("*.py") for key in TAKEN.findall(file.read_text())}
    assert taken == {str(locks.ROLLUP_WRITERS)}


def test_no_other_file_has_a_key_of_its_own() -> None:
    packages = [path.parent for path in PRODUCT.glob("*/*/__init__.py") if not path.parent.name.endswith("_tests")]
    sources = [file for package in packages for end in ("py", "sql") for file in package.rglob(f"*.{end}")]
    own = [file for file in sources if MIGRATIONS not in file.parents and TAKEN.search(file.read_text())]
    written = [
        key for file in sources if file.name != "locks.py" for key in re.findall(r"4_?703_?118_?28\d", file.read_text())
    ]
    assert len(sources) > 100
    assert (own, written) == ([], [])
