"""Writes to Postgres which models are loaded, with tasks, labels, digests and baselines, for the metrics-service.

The rows are refreshed every few seconds; a model whose row is not refreshed counts as no longer loaded. While Postgres
is away nothing waits and nothing fails: the rows are written once it is back.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import orjson
import structlog

from prediction_service.models.model import Model
from shared.asyncio.background import Background
from shared.database.connection import Connector
from shared.database.lone_connection import LoneConnection
from shared.database.sql import load_sql

LOOK_SECONDS = 1.0
"""How often the loaded models are compared with the rows written last."""

REPEAT_SECONDS = 10.0
"""How often rows are refreshed. For the metrics-service a model counts as loaded for a minute after that."""

STATEMENT_SECONDS = 2.0

WRITE = load_sql("prediction_service.models", "tell_loaded")

log = structlog.get_logger()


class ModelRegister:
    """Follows `loaded`, which returns the models that are loaded now."""

    def __init__(self, connector: Connector, loaded: Callable[[], Sequence[Model]]) -> None:
        self._connection = LoneConnection(connector, seconds=STATEMENT_SECONDS)
        self._loaded = loaded
        self._written: list[Model] = []
        self._written_at = float("-inf")
        self._is_away = False

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Keeps the rows up to date until the block ends."""
        try:
            async with Background(self._follow, "model register"):
                yield
        finally:
            self._connection.drop()

    async def _follow(self) -> None:
        while True:
            models = list(self._loaded())
            changed = len(models) != len(self._written) or any(
                a is not b for a, b in zip(models, self._written, strict=True)
            )
            due = monotonic() - self._written_at >= REPEAT_SECONDS
            if due or (changed and not self._is_away):
                await self._try_to_write(models)
            await asyncio.sleep(LOOK_SECONDS)

    async def _try_to_write(self, models: list[Model]) -> None:
        """One attempt. Any failure is logged and left to the next one."""
        self._written_at = monotonic()
        try:
            await self._write([row_of(model) for model in models])
        except Exception as error:  # noqa: BLE001 -- a connection that breaks raises whatever asyncpg stumbles over
            if not self._is_away:
                log.warning("loaded models not told to postgres", error=str(error) or type(error).__name__)
            self._is_away = True
        else:
            self._written, self._is_away = models, False

    async def _write(self, rows: list[dict[str, Any]]) -> None:
        async with self._connection.use() as connection:
            await connection.execute(WRITE, orjson.dumps(rows).decode(), timeout=STATEMENT_SECONDS)


def row_of(model: Model) -> dict[str, Any]:
    """What is written about a model."""
    baseline = model.baseline
    return {
        "model_name": model.name,
        "model_version": model.version,
        "task_type": model.manifest.task_type,
        "labels": model.manifest.labels,
        "digest": model.digest,
        "baseline": None if baseline is None else baseline.counts.model_dump(exclude_unset=True),
        "input_names": None if baseline is None or baseline.bins is None else model.manifest.signature.names,
    }
