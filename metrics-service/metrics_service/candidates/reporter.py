"""Reports on the candidate that a model has now. Without Postgres: DatabaseUnavailable."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.candidates.contracts import RolloutReport, ShadowReport
from metrics_service.candidates.shadow import shadow_report
from metrics_service.database import autocommit
from metrics_service.reports.comparison import ComparisonReporter
from metrics_service.sql import statement
from shared.asyncio.clock import UtcNow
from shared.contracts.comparison import ComparisonQuery
from shared.contracts.rollouts import Rollout, RolloutMode
from shared.http.problems import Problem

MOST_PAIRS = 100_000
"""The newest; they are read in a fraction of a second."""

MOST_MINUTES = 7 * 24 * 60
"""The longest window of a comparison."""

POLICY = text("SELECT to_jsonb(rollout)::text FROM predictions.rollout WHERE model_name = :model_name")
PAIRS = statement("shadow", most=MOST_PAIRS)


class NoCandidate(Problem):
    """There is nothing to report on."""

    status = 404
    type = "urn:problem-type:no-candidate"
    title = "No Candidate"


@dataclass(frozen=True, slots=True)
class CandidateReporter:
    """In the shadow both versions have seen the same requests; of a canary each has seen its own."""

    engine: AsyncEngine
    comparison: ComparisonReporter
    clock: UtcNow

    async def report(self, model_name: str) -> RolloutReport:
        """How the candidate does. Raises NoCandidate."""
        async with autocommit(self.engine) as connection:
            stored = await connection.scalar(POLICY, {"model_name": model_name})
        policy = Rollout.model_validate_json(stored) if stored else None
        if policy is None or policy.stable_version is None or policy.candidate_version is None or not policy.started_at:
            raise NoCandidate(f"{model_name} has no candidate beside its stable version.")
        is_shadow = policy.mode is RolloutMode.SHADOW
        return RolloutReport(
            model_name=model_name,
            mode=policy.mode,
            stable_version=policy.stable_version,
            candidate_version=policy.candidate_version,
            share=policy.share,
            started_at=policy.started_at,
            shadow=await self._shadow({"model_name": model_name, "started_at": policy.started_at}),
            canary=None if is_shadow else await self.comparison.report(self._query(policy)),
        )

    async def _shadow(self, which: dict[str, Any]) -> ShadowReport | None:
        """Pairs, also those from before the candidate became a canary; None: there were none."""
        async with autocommit(self.engine) as connection:
            row = (await connection.execute(PAIRS, which)).mappings().one()
        return await asyncio.to_thread(shadow_report, dict(row)) if row["requests"] else None

    def _query(self, policy: Rollout) -> ComparisonQuery:
        """Both versions since the rollout began."""
        began = policy.started_at or self.clock()
        minutes = ceil((self.clock() - began) / timedelta(minutes=1))
        return ComparisonQuery(
            model_name=policy.model_name,
            model_version=policy.candidate_version,
            reference_model_version=policy.stable_version,
            time_window_minutes=min(max(minutes, 1), MOST_MINUTES),
        )
