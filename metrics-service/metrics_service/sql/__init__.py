"""The statements of the service that are longer than a line: one file each, with what they have in common once."""

from typing import Any

from sqlalchemy import BindParameter, TextClause, text

from shared.database import rollup_widths
from shared.database.sql import load_sql

WIDTHS = {"minute": rollup_widths.MINUTE, "hour": rollup_widths.HOUR, "day": rollup_widths.DAY}
"""Constants that every statement may name."""


def statement(name: str, *parameters: BindParameter[Any], **constants: int | str) -> TextClause:
    """The statement of `<name>.sql`; `parameters`: those whose type Postgres needs to be told."""
    return text(load_sql(__name__, name, {**WIDTHS, **constants})).bindparams(*parameters)
