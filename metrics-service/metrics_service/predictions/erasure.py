"""Erases predictions on demand, with what belongs to them: feedback, inputs, shadows, responses kept for retries.

What is to be erased is written down first, with who asked for it, and then done, in small transactions. So a request
that breaks off is done all the same: the replica that leads goes on with it. It looks again for an hour, for what was
being recorded at that moment; and what still waits in a journal, or comes a second time, is left out by who replays it
for as long as the erasure is on record. Aggregates stay: they were counted when the predictions came.
Without Postgres: DatabaseUnavailable; nothing is erased then, or the rest later.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

from sqlalchemy import Uuid, bindparam, insert, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.audit.trail import ChangedBy, Subject, note
from metrics_service.database import transaction
from metrics_service.predictions.contracts import Erased
from shared.asyncio.clock import UtcNow
from shared.database.tables.predictions import erasure

AT_MOST = 2_000
"""Predictions of one transaction: some tens of milliseconds."""

REQUEST_SECONDS = 5.0
"""So long a request goes on; the rest is done after it."""

ROUND_SECONDS = 60.0
SETTLED = timedelta(hours=1)
"""What was being recorded when it was erased is on record long before."""

ERASE = text("SELECT predictions.erase(:erasure, :at_most)")
FORGET_FEEDBACK = text("DELETE FROM metrics.feedback WHERE prediction_id = ANY (:ids)").bindparams(
    bindparam("ids", type_=ARRAY(Uuid()))
)
OPEN = text(
    "SELECT erasure_id, prediction_id, until FROM predictions.erasure WHERE finished_at IS NULL "
    "ORDER BY erasure_id LIMIT 1000"
)
FINISH = text("UPDATE predictions.erasure SET finished_at = now() WHERE erasure_id = :erasure")
FORGET = text("DELETE FROM predictions.erasure WHERE finished_at IS NOT NULL AND until < :before")


@dataclass(frozen=True, slots=True)
class Eraser:
    """Erases what is asked for. `row_days`: how long predictions are kept, and so how long erasures are remembered."""

    engine: AsyncEngine
    clock: UtcNow
    row_days: int

    async def erase_prediction(self, prediction_id: UUID, changed_by: ChangedBy) -> Erased:
        """One prediction. Of one that is not on record it is noted as well: it may wait in a journal."""
        detail = {"prediction_id": str(prediction_id)}
        number = await self._note({"prediction_id": prediction_id}, detail, None, changed_by)
        return await self._work_on(number, prediction_id)

    async def erase_caller(
        self, caller: UUID, model_name: str | None, changed_by: ChangedBy, key_id: UUID | None = None
    ) -> Erased:
        """All predictions that a caller has made until now, of one model or of all. `key_id`: of the key that it is."""
        detail = {"caller": caller.hex} if key_id is None else {"caller": caller.hex, "key_id": str(key_id)}
        number = await self._note({"caller": caller}, detail, model_name, changed_by)
        return await self._work_on(number, None)

    async def _note(
        self, what: Mapping[str, UUID], detail: Mapping[str, str], model_name: str | None, changed_by: ChangedBy
    ) -> int:
        async with transaction(self.engine) as connection:
            await note(connection, Subject.RECORD, "erased", model_name, detail, changed_by)
            new = insert(erasure).values(**what, model_name=model_name, until=self.clock())
            number: int = (await connection.execute(new.returning(erasure.c.erasure_id))).scalar_one()
            return number

    async def _work_on(self, number: int, prediction_id: UUID | None) -> Erased:
        """Erases until nothing is left or the time of a request is over."""
        predictions = feedback = 0
        give_up_at = monotonic() + REQUEST_SECONDS
        while True:
            ids, judged = await self._step(number, prediction_id)
            predictions, feedback = predictions + len(ids), feedback + judged
            if len(ids) < AT_MOST:
                return Erased(predictions=predictions, feedback=feedback, is_complete=True)
            if monotonic() > give_up_at:
                return Erased(predictions=predictions, feedback=feedback, is_complete=False)

    async def _step(self, number: int, prediction_id: UUID | None) -> tuple[Sequence[UUID], int]:
        """One transaction: whose predictions went, and how many judgements with them."""
        async with transaction(self.engine) as connection:
            ids = list(await connection.scalars(ERASE, {"erasure": number, "at_most": AT_MOST}))
            judged = [*ids, prediction_id] if prediction_id is not None else ids
            gone = await connection.execute(FORGET_FEEDBACK, {"ids": judged})
            return ids, gone.rowcount

    async def run(self) -> None:
        """A round every minute, for ever, in the replica that leads."""
        while True:
            await self.tidy()
            await asyncio.sleep(ROUND_SECONDS)

    async def tidy(self) -> None:
        """Goes on with what is not finished, and forgets what nothing can come back of."""
        now = self.clock()
        async with transaction(self.engine) as connection:
            unfinished = (await connection.execute(OPEN)).all()
            await connection.execute(FORGET, {"before": now - timedelta(days=self.row_days + 1)})
        for number, prediction_id, until in unfinished:
            await self._go_on(number, prediction_id, until, now)

    async def _go_on(self, number: int, prediction_id: UUID | None, until: datetime, now: datetime) -> None:
        done = await self._work_on(number, prediction_id)
        if done.is_complete and not done.predictions and until < now - SETTLED:
            async with transaction(self.engine) as connection:
                await connection.execute(FINISH, {"erasure": number})
