"""Tells Postgres which models are loaded: their versions, tasks, labels, digests and baselines, for those who judge.

Repeated every few seconds, so that what is no longer repeated is no longer loaded. Postgres away: told again when it is
back; nobody waits for it and nothing fails without it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import structlog
from pydantic import ValidationError

from prediction_service.models.model import Model
from shared.asyncio.background import Background
from shared.contracts.baseline import MAX_BASELINE_BYTES, ModelBaseline
from shared.database.connection import Connector
from shared.database.lone_connection import LoneConnection
from shared.database.sql import load_sql

LOOK_SECONDS = 1.0
"""How often it is looked whether other models are loaded than were told."""

REPEAT_SECONDS = 10.0
"""The metrics-service counts a model as loaded for a minute after it was told."""

STATEMENT_SECONDS = 2.0

BASELINE_FILE = "baseline.json"

TELL = load_sql("prediction_service.models", "tell_loaded")

log = structlog.get_logger()


class ModelRegister:
    """Follows `loaded`, which says what is loaded now; the models' folders are below `root`."""

    def __init__(self, connector: Connector, loaded: Callable[[], Sequence[Model]], root: Path) -> None:
        self._connection = LoneConnection(connector, seconds=STATEMENT_SECONDS)
        self._loaded, self._root = loaded, root
        self._baselines: dict[tuple[str, str], tuple[Model, dict[str, Any] | None]] = {}
        self._told: list[Model] = []
        self._told_at = float("-inf")
        self._is_away = False

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Tells what is loaded for as long as the block lasts."""
        try:
            async with Background(self._follow, "model register"):
                yield
        finally:
            self._connection.drop()

    async def _follow(self) -> None:
        while True:
            models = list(self._loaded())
            changed = len(models) != len(self._told) or any(a is not b for a, b in zip(models, self._told, strict=True))
            due = monotonic() - self._told_at >= REPEAT_SECONDS
            if due or (changed and not self._is_away):
                await self._try_to_tell(models)
            await asyncio.sleep(LOOK_SECONDS)

    async def _try_to_tell(self, models: list[Model]) -> None:
        """One attempt; the next one follows whatever happens."""
        self._told_at = monotonic()
        try:
            await self._tell([await self._row(model) for model in models])
        except Exception as error:  # noqa: BLE001 -- a connection that breaks raises whatever asyncpg stumbles over
            if not self._is_away:
                log.warning("loaded models not told to postgres", error=str(error) or type(error).__name__)
            self._is_away = True
        else:
            self._told, self._is_away = models, False

    async def _tell(self, rows: list[dict[str, Any]]) -> None:
        async with self._connection.use() as connection:
            await connection.execute(TELL, orjson.dumps(rows).decode(), timeout=STATEMENT_SECONDS)

    async def _row(self, model: Model) -> dict[str, Any]:
        key = (model.name, model.version)
        known, baseline = self._baselines.get(key, (None, None))
        if known is not model:
            baseline = await asyncio.to_thread(read_baseline, self._root / model.name / model.version / BASELINE_FILE)
            self._baselines[key] = (model, baseline)
        return {
            "model_name": model.name,
            "model_version": model.version,
            "task_type": model.manifest.task_type,
            "labels": model.manifest.labels,
            "digest": model.digest,
            "baseline": baseline,
        }


def read_baseline(path: Path) -> dict[str, Any] | None:
    """What `baseline.json` says, or None when there is none that can be used."""
    try:
        if path.stat().st_size > MAX_BASELINE_BYTES:
            log.warning("baseline ignored", file=str(path), reason=f"larger than {MAX_BASELINE_BYTES} bytes")
            return None
        return ModelBaseline.model_validate_json(path.read_bytes()).model_dump()
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        log.warning("baseline ignored", file=str(path), reason=str(error).splitlines()[0])
        return None
