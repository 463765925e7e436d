"""Reads the predictions of a window: whole buckets from the rollups, the ends from raw rows, in one snapshot.

The cost depends on the length of the window, on how many models and labels there are, and on the raw rows of the
window's first minute and of its last one unless that is now; not on how many predictions there were.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import DateTime, SmallInteger, Text

from metrics_service.sql import statement
from metrics_service.windows.window import EPOCH, WIDTHS, Window, cover


@dataclass(frozen=True, slots=True)
class Selection:
    """Which predictions a question is about."""

    window: Window
    task_type: str | None = None
    model_name: str | None = None
    model_version: str | None = None


NO_LABEL = ""
"""What stands for the label of a prediction that has none; no label is called that."""

CHOICE = tuple(bindparam(name, type_=Text) for name in ("task_type", "model_name", "model_version"))
"""The parameters of `chosen.sql`: which task, model and version; null is any."""


def over_selection(name: str, rollup: str = "rollup") -> TextClause:
    """A statement over the tables `buckets` (of a table of rollups) and `ends` of a selection.

    Run it with `parameters_of` one.
    """
    return statement(
        name,
        bindparam("epoch", EPOCH, type_=DateTime(timezone=True)),
        bindparam("minutes", type_=ARRAY(SmallInteger)),
        bindparam("firsts", type_=ARRAY(DateTime(timezone=True))),
        bindparam("untils", type_=ARRAY(DateTime(timezone=True))),
        bindparam("end_firsts", type_=ARRAY(DateTime(timezone=True))),
        bindparam("end_untils", type_=ARRAY(DateTime(timezone=True))),
        *CHOICE,
        rollup=rollup,
    )


def parameters_of(selection: Selection, widths: tuple[int, ...] = WIDTHS) -> dict[str, Any]:
    """The values for a query made by `over_selection`; `widths`: those that its rollups have."""
    parts = cover(selection.window, widths)
    end_firsts, end_untils = edges(parts.ends)
    firsts, untils = edges(part.window for part in parts.buckets)
    return {
        "minutes": [part.minutes for part in parts.buckets],
        "firsts": firsts,
        "untils": untils,
        "end_firsts": end_firsts,
        "end_untils": end_untils,
        **choice_of(selection),
    }


def choice_of(selection: Selection) -> dict[str, str | None]:
    """The values of `CHOICE`."""
    return {
        "task_type": selection.task_type,
        "model_name": selection.model_name,
        "model_version": selection.model_version,
    }


def edges(windows: Iterable[Window]) -> tuple[list[datetime], list[datetime]]:
    """The starts and the ends of windows."""
    pairs = [(window.start, window.end) for window in windows]
    return [start for start, _ in pairs], [end for _, end in pairs]
