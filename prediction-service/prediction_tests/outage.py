"""What is on record, and what still waits for Postgres."""

import asyncio
from pathlib import Path

from prediction_service.records.journal import Journal
from shared.testing.postgres import Database


async def recorded(database: Database) -> list[str]:
    rows = await database.fetch("SELECT prediction_id FROM predictions.prediction ORDER BY 1")
    return [str(row["prediction_id"]) for row in rows]


async def until_replayed(folder: Path) -> None:
    journal = Journal(folder, 0)
    while journal.size():
        await asyncio.sleep(0.02)
