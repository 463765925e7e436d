"""SQL from files: by name, with what several statements have in common written once."""

import sys
from pathlib import Path

import pytest

from shared.database.sql import load_sql
from shared.testing.postgres import Database

FILES = {
    "count": "-- How many there are.\nSELECT count(*)\nFROM ({{chosen}}) AS chosen\n",
    "chosen": "SELECT * FROM generate_series(1, {{most}}) AS number\n  -- of these\nWHERE number % {{step}} = 0",
    "plain": "SELECT '{one} -- in a word', :name, $1\n\n",
    "of_nothing": "SELECT * FROM ({{missing}}) AS missing",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "statements_of_a_test"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for name, text in FILES.items():
        (folder / f"{name}.sql").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, folder.name, raising=False)
    return folder.name


def test_what_is_included_and_constants_take_their_places_and_comments_are_left_out(package: str) -> None:
    chosen = "SELECT * FROM generate_series(1, 10) AS number\nWHERE number % 3 = 0"
    assert load_sql(package, "chosen", {"most": 10, "step": 3}) == chosen
    assert load_sql(package, "count", {"most": 10, "step": 3}) == f"SELECT count(*)\nFROM ({chosen}) AS chosen"


async def test_postgres_takes_it(package: str, database: Database) -> None:
    (row,) = await database.fetch(load_sql(package, "count", {"most": 10, "step": 3}))
    assert row["count"] == 3


def test_everything_else_stays_as_it_is_written(package: str) -> None:
    assert load_sql(package, "plain") == "SELECT '{one} -- in a word', :name, $1"


@pytest.mark.parametrize("name", ["none", "of_nothing", "chosen"])
def test_a_name_without_a_file_is_an_error_at_once(package: str, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        load_sql(package, name)
