"""What those who judge agree on: the weight of judgements that no single caller can decide.

Words with the admin token count in full. Without it no caller counts for more than the limit in a window, nor for more
than the third caller who says the same: what fewer than AGREEING callers say of predictions counts for nothing, however
often they say it, and nobody adds more than half of what others add who agree. That holds for `right` and for `wrong`
alike, so that one caller can neither raise an alarm nor talk one away.
"""

from dataclasses import dataclass

from sqlalchemy import bindparam
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import DateTime, Double

from metrics_service.database import autocommit
from metrics_service.sql import statement
from metrics_service.windows.rollups import CHOICE, Selection, choice_of

AGREEING = 3
"""So many who do not know each other say more than that somebody is angry."""

SAID = statement(
    "corroboration",
    *CHOICE,
    bindparam("start", type_=DateTime(timezone=True)),
    bindparam("end", type_=DateTime(timezone=True)),
    bindparam("caller_limit", type_=Double),
    agreeing=AGREEING,
)


@dataclass(frozen=True, slots=True)
class Words:
    """Judgements of one kind: how many were given, and what they count for, in whole judgements."""

    said: int = 0
    counted: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """What was said about the predictions of a window."""

    right: Words
    wrong: Words
    callers: int = 0
    """Who said it; all with the admin token are one."""
    of_values: int = 0
    """Judgements of values that count for something; they are neither right nor wrong."""

    @property
    def nothing(self) -> bool:
        """Whether nobody said anything."""
        return not self.right.said + self.wrong.said

    @property
    def counted(self) -> int:
        """What all of it counts for."""
        return self.right.counted + self.wrong.counted

    @property
    def is_weighed(self) -> bool:
        """Whether some words count for less than they are."""
        return any(words.counted != words.said for words in (self.right, self.wrong))


async def corroborated(engine: AsyncEngine, selection: Selection, caller_limit: int) -> Said:
    """What was said, and what it counts for. Without Postgres: DatabaseUnavailable."""
    parameters = {"start": selection.window.start, "end": selection.window.end, "caller_limit": caller_limit}
    async with autocommit(engine) as connection:
        rows = (await connection.execute(SAID, {**parameters, **choice_of(selection)})).all()
    words = {row.is_right: Words(row.said, int(row.weight)) for row in rows}
    callers = max((row.callers for row in rows), default=0)
    return Said(words.get(True, Words()), words.get(False, Words()), callers, words.get(None, Words()).said)
