"""Keys for people: tables and lines, in which nothing that a server says can move the cursor."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

KEY_COLUMNS = ("name", "prefix", "rights", "limits", "expires_at", "last_used_at", "key_id")
EVENT_COLUMNS = ("at", "action", "name", "revision", "actor", "reason", "key_id")
USE_COLUMNS = ("day", "requests", "refused", "predict", "feedback", "reports", "predictions")

NOTHING = "-"


def table(rows: Sequence[Row], columns: Sequence[str], *, header: bool = True) -> Iterable[str]:
    """Lines; each column as wide as what is in it."""
    cells = [[words(row.get(column)) or NOTHING for column in columns] for row in rows]
    if header:
        cells.insert(0, list(columns))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)] if cells else []
    for line in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def fields(row: Row) -> Iterable[str]:
    """A line for each thing that is known of a key."""
    width = max(map(len, row), default=0)
    for name, value in row.items():
        yield f"{printable(name).ljust(width)}  {words(value) or NOTHING}"


def report(said: Row) -> Iterable[str]:
    """What happened, a line for each issue, and what to do."""
    yield words(said.get("summary")) or NOTHING
    for issue in listed(said.get("identified_issues")):
        about = [issue.get("severity"), issue.get("description")] if isinstance(issue, Mapping) else [issue]
        yield ": ".join(words(each) or NOTHING for each in about)
    for advice in listed(said.get("recommendations")):
        yield f"- {words(advice) or NOTHING}"


def listed(value: Any) -> list[Any]:
    """What is in a list; nothing, where it is none."""
    return value if isinstance(value, list) else []


def words(value: Any) -> str:
    """A value in a line."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(words, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{printable(str(name))}: {words(each)}" for name, each in value.items())
    return printable(str(value))


def printable(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
