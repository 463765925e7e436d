"""Reads the predictions of a window: whole buckets from the rollups, the ends from raw rows, in one snapshot.

The cost depends on the length of the window, on how many models and labels there are, and on the raw rows of at most
two minutes; not on how many predictions there were.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import DateTime, SmallInteger, Text

from metrics_service.window import Window, cover


@dataclass(frozen=True, slots=True)
class Selection:
    """Which predictions a question is about."""

    window: Window
    task_type: str | None = None
    model_name: str | None = None


BUCKETS = """
    SELECT rollup.*
    FROM unnest(:minutes, :firsts, :untils) AS part (minutes, first, until)
    CROSS JOIN LATERAL (
        SELECT * FROM metrics.rollup
        WHERE rollup.minutes = part.minutes AND bucket >= part.first AND bucket < part.until OFFSET 0
    ) AS rollup
    WHERE (:task_type IS NULL OR task_type = :task_type) AND (:model_name IS NULL OR model_name = :model_name)
"""
"""The rollup rows of the whole buckets of a selection. OFFSET 0: a look into the index per part, never a full scan."""

ENDS = """
    SELECT prediction_label, confidence, inference_time_ms, input_length
    FROM unnest(:end_firsts, :end_untils) AS part (first, until)
    CROSS JOIN LATERAL (
        SELECT * FROM predictions.prediction WHERE created_at >= part.first AND created_at < part.until
    ) AS prediction
    WHERE (:task_type IS NULL OR task_type = :task_type) AND (:model_name IS NULL OR model_name = :model_name)
"""
"""The raw rows of the ends of a selection."""


def over_selection(query: str) -> TextClause:
    """`query` with BUCKETS and ENDS as the tables `buckets` and `ends`; run it with `parameters_of` a selection."""
    return text(f"WITH buckets AS NOT MATERIALIZED ({BUCKETS}), ends AS ({ENDS}) {query}").bindparams(
        bindparam("minutes", type_=ARRAY(SmallInteger)),
        bindparam("firsts", type_=ARRAY(DateTime(timezone=True))),
        bindparam("untils", type_=ARRAY(DateTime(timezone=True))),
        bindparam("end_firsts", type_=ARRAY(DateTime(timezone=True))),
        bindparam("end_untils", type_=ARRAY(DateTime(timezone=True))),
        bindparam("task_type", type_=Text),
        bindparam("model_name", type_=Text),
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
        "task_type": selection.task_type,
        "model_name": selection.model_name,
    }


def edges(windows: Iterable[Window]) -> tuple[list[datetime], list[datetime]]:
    """The starts and the ends of windows."""
    pairs = [(window.start, window.end) for window in windows]
    return [start for start, _ in pairs], [end for _, end in pairs]
