"""Reads the predictions of a window: whole buckets from the rollups, the ends from raw rows, in one snapshot.

The cost depends on the length of the window, on how many models and labels there are, and on the raw rows of the
window's first minute and of its last one unless that is now; not on how many predictions there were.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import DateTime, SmallInteger, Text

from metrics_service.windows.window import EPOCH, Window, cover


@dataclass(frozen=True, slots=True)
class Selection:
    """Which predictions a question is about."""

    window: Window
    task_type: str | None = None
    model_name: str | None = None
    model_version: str | None = None


CHOSEN = """(:task_type IS NULL OR task_type = :task_type) AND (:model_name IS NULL OR model_name = :model_name)
        AND (:model_version IS NULL OR model_version = :model_version)"""
"""Whether a row is of the task, model and version that a selection names; bind them with `CHOICE`."""

CHOICE = tuple(bindparam(name, type_=Text) for name in ("task_type", "model_name", "model_version"))

EDGES = """
    SELECT first, until, bucket, NOT EXISTS (
        SELECT FROM (
            SELECT * FROM predictions.prediction WHERE created_at >= bucket AND created_at < first
            ORDER BY created_at LIMIT 1
        ) AS before_it
    ) AND NOT EXISTS (
        SELECT FROM (
            SELECT * FROM predictions.prediction
            WHERE created_at >= until AND created_at < bucket + interval '1 minute'
            ORDER BY created_at LIMIT 1
        ) AS after_it
    ) AS is_whole
    FROM unnest(:end_firsts, :end_untils) AS part (first, until), date_bin('1 minute', first, :epoch) AS bucket
"""
"""The ends of a selection, each with the minute that it lies in, and whether all predictions of that minute are in it.

That is so where the end of the window is now, as it mostly is: then the minute's rollup says it all. The two looks into
the index (ORDER BY: never a scan) see the same snapshot as the rest, so a prediction that comes later makes nothing
wrong, and one with a time in the future only makes the raw rows be read.
"""

BUCKETS = f"""
    SELECT rollup.*
    FROM (
        SELECT * FROM unnest(:minutes, :firsts, :untils) AS part (minutes, first, until)
        UNION ALL SELECT 1::smallint, bucket, bucket + interval '1 minute' FROM edges WHERE is_whole
    ) AS part
    CROSS JOIN LATERAL (
        SELECT * FROM metrics.rollup
        WHERE rollup.minutes = part.minutes AND bucket >= part.first AND bucket < part.until OFFSET 0
    ) AS rollup
    WHERE {CHOSEN}
"""  # noqa: S608 - of constants only
"""The rollup rows of the whole buckets of a selection. OFFSET 0: a look into the index per part, never a full scan."""

ENDS = f"""
    SELECT model_name, model_version, prediction_label, confidence, inference_time_ms, input_length
    FROM edges
    CROSS JOIN LATERAL (
        SELECT * FROM predictions.prediction
        WHERE created_at >= edges.first AND created_at < edges.until AND NOT is_whole
    ) AS prediction
    WHERE {CHOSEN}
"""  # noqa: S608 - of constants only
"""The raw rows of those ends of a selection that the rollups do not cover."""


def over_selection(query: str) -> TextClause:
    """`query` with BUCKETS and ENDS as the tables `buckets` and `ends`; run it with `parameters_of` a selection."""
    parts = f"edges AS MATERIALIZED ({EDGES}), buckets AS NOT MATERIALIZED ({BUCKETS}), ends AS ({ENDS})"
    return text(f"WITH {parts} {query}").bindparams(
        bindparam("epoch", EPOCH, type_=DateTime(timezone=True)),
        bindparam("minutes", type_=ARRAY(SmallInteger)),
        bindparam("firsts", type_=ARRAY(DateTime(timezone=True))),
        bindparam("untils", type_=ARRAY(DateTime(timezone=True))),
        bindparam("end_firsts", type_=ARRAY(DateTime(timezone=True))),
        bindparam("end_untils", type_=ARRAY(DateTime(timezone=True))),
        *CHOICE,
    )


def parameters_of(selection: Selection) -> dict[str, Any]:
    """The values for a query made by `over_selection`."""
    parts = cover(selection.window)
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
    """The values for `CHOSEN`."""
    return {
        "task_type": selection.task_type,
        "model_name": selection.model_name,
        "model_version": selection.model_version,
    }


def edges(windows: Iterable[Window]) -> tuple[list[datetime], list[datetime]]:
    """The starts and the ends of windows."""
    pairs = [(window.start, window.end) for window in windows]
    return [start for start, _ in pairs], [end for _, end in pairs]
