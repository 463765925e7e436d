"""Canaries, what they have done, and what guards have seen of them, in Postgres; without it: DatabaseUnavailable."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import BigInteger, DateTime, Integer, Text

from metrics_service.database import autocommit
from metrics_service.feedback.corroboration import Said, corroborated
from metrics_service.guards.e_value import Outcomes
from metrics_service.guards.evidence import Evidence
from metrics_service.guards.totals import Errors, Pair, Recorded, Requests, Totals
from metrics_service.sql import statement
from metrics_service.windows.aggregates import read_aggregates
from metrics_service.windows.errors import error_bins
from metrics_service.windows.rollups import Selection
from metrics_service.windows.window import Window
from shared.contracts.guards import GuardReading
from shared.contracts.rollouts import Rollout

MAX_LISTED = 1000
"""Canaries that a response lists, those that were looked at last."""

MODEL = bindparam("model_name", type_=Text)
STARTED = bindparam("started_at", type_=DateTime(timezone=True))

CANARIES = statement("canaries")
OUTCOMES = statement("version_outcomes", MODEL, STARTED)
SAVE = statement(
    "save_guard",
    MODEL,
    STARTED,
    bindparam("evidence", type_=JSONB),
    bindparam("readings", type_=JSONB),
    bindparam("looked_at", type_=DateTime(timezone=True)),
    bindparam("revision", type_=BigInteger),
    bindparam("condemned_by", type_=Text),
)
LISTED = statement("guarded_rollouts", MODEL, bindparam("most", type_=Integer))
SAVED = statement("saved_guard", MODEL, STARTED)
END = {
    "roll_back": statement(
        "roll_back", MODEL, bindparam("revision", type_=BigInteger), bindparam("reason", type_=Text)
    ),
    "promote": statement("promote", MODEL, bindparam("revision", type_=BigInteger), bindparam("reason", type_=Text)),
}


@dataclass(frozen=True, slots=True)
class Canary:
    """A rollout that has a candidate, a stable version and a beginning."""

    rollout: Rollout
    versions: Pair[str]
    started_at: datetime


@dataclass(frozen=True, slots=True)
class GuardStore:
    """Reads canaries and keeps what guards have seen; ends them."""

    engine: AsyncEngine
    caller_limit: int

    async def canaries(self) -> list[Canary]:
        """Those that are on."""
        async with autocommit(self.engine) as connection:
            rows = (await connection.execute(CANARIES)).mappings().all()
        return [canary_of(Rollout.model_validate(dict(row))) for row in rows]

    async def totals(self, canary: Canary, now: datetime) -> Totals:
        """What both versions have done until now."""
        name, versions = canary.rollout.model_name, canary.versions
        async with autocommit(self.engine) as connection:
            parameters = {"model_name": name, "started_at": canary.started_at}
            rows = (await connection.execute(OUTCOMES, parameters)).all()
        found: defaultdict[int, dict[str, Requests]] = defaultdict(dict)
        for row in rows:
            requests = Requests(row.requests, row.errors, dict(zip(row.time_bins, row.time_counts, strict=True)))
            found[row.revision][row.arm] = found[row.revision].get(row.arm, Requests()) + requests
        candidate, stable = (
            Selection(Window(canary.started_at, now), None, name, version)
            for version in (versions.candidate, versions.stable)
        )
        said = Pair(
            await corroborated(self.engine, candidate, self.caller_limit),
            await corroborated(self.engine, stable, self.caller_limit),
        )
        return Totals(
            requests={
                key: Pair(arms.get("candidate", Requests()), arms.get("stable", Requests()))
                for key, arms in found.items()
            },
            recorded=Pair(await self._recorded(candidate), await self._recorded(stable)),
            judged=Pair(outcomes_of(said.candidate), outcomes_of(said.stable)),
            errors=Pair(await self._errors(candidate, said.candidate), await self._errors(stable, said.stable)),
        )

    async def _recorded(self, selection: Selection) -> Recorded:
        """Inference times and confidences of a version."""
        read = await read_aggregates(self.engine, selection)
        unsure = read.with_confidence * (1 - (read.aggregates.average_confidence or 0.0))
        return Recorded(read.times, Outcomes(read.with_confidence, unsure))

    async def _errors(self, selection: Selection, said: Said) -> Errors:
        """How far a version's values were off; read only where any was judged."""
        if not said.of_values:
            return {}
        async with autocommit(self.engine) as connection:
            return await error_bins(connection, selection)

    async def evidence(self, canary: Canary) -> dict[str, Evidence] | None:
        """What was seen of this canary before; None: nobody has looked yet."""
        parameters = {"model_name": canary.rollout.model_name, "started_at": canary.started_at}
        async with autocommit(self.engine) as connection:
            saved = await connection.scalar(SAVED, parameters)
        return None if saved is None else {key: Evidence.of_json(one) for key, one in saved.items()}

    async def save(
        self,
        canary: Canary,
        evidence: dict[str, Evidence],
        readings: Sequence[GuardReading],
        condemned_by: str | None,
        now: datetime,
    ) -> None:
        """Keeps what was seen."""
        values = {
            "model_name": canary.rollout.model_name,
            "started_at": canary.started_at,
            "revision": canary.rollout.revision,
            "stable_version": canary.versions.stable,
            "candidate_version": canary.versions.candidate,
            "evidence": {key: one.as_json() for key, one in evidence.items()},
            "readings": [reading.model_dump(mode="json") for reading in readings],
            "condemned_by": condemned_by,
            "looked_at": now,
        }
        async with autocommit(self.engine) as connection:
            await connection.execute(SAVE, values)

    async def end(self, canary: Canary, how: str, reason: str) -> bool:
        """Rolls back (`roll_back`) or promotes (`promote`); False: the policy was changed meanwhile."""
        values = {"model_name": canary.rollout.model_name, "revision": canary.rollout.revision, "reason": reason}
        async with autocommit(self.engine) as connection:
            return bool(await connection.scalar(END[how], values))


def outcomes_of(said: Said) -> Outcomes:
    """What people said of a version, as far as nobody decides alone."""
    return Outcomes(said.counted, said.wrong.counted)


def canary_of(rollout: Rollout) -> Canary:
    """A row of a canary; Postgres holds it to having both versions and a beginning."""
    if rollout.candidate_version is None or rollout.stable_version is None or rollout.started_at is None:
        raise ValueError(f"the canary of {rollout.model_name} lacks a version or its beginning")
    return Canary(rollout, Pair(rollout.candidate_version, rollout.stable_version), rollout.started_at)
