"""Statements in files: each has its owner, and none is left over."""

import re
from pathlib import Path

import metrics_service

PACKAGE = Path(metrics_service.__file__).parent
FILES = {file.stem: file.read_text() for file in (PACKAGE / "sql").glob("*.sql")}
SOURCES = "\n".join(file.read_text() for file in PACKAGE.rglob("*.py"))


def test_each_file_is_run_or_included_by_one_that_is() -> None:
    named = set(re.findall(r'(?:statement|over_selection)\(\s*"(\w+)"', SOURCES))
    included = {word for text in FILES.values() for word in re.findall(r"\{\{(\w+)\}\}", text)}
    assert len(FILES) > 15
    assert FILES.keys() - named - included == set()


def test_no_statement_of_several_lines_is_left_in_the_code() -> None:
    assert re.findall(r'text\(\s*f?"""', SOURCES) == []


def test_a_file_is_one_statement() -> None:
    assert [name for name, text in FILES.items() if ";" in re.sub(r"--.*", "", text)] == []
