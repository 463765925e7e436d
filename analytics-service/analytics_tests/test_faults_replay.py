"""An hour of typical use, sixty times as fast: ten dashboards ask every 30 s while predictions flow."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from analytics_service.testing.gemini_emulator import GeminiEmulator
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_service.testing.metrics_emulator import metrics as numbers
from analytics_tests.replicas import Answer, Replica, ask, replicas
from shared.testing.redis import RedisServer

SPEED = 60
HOUR_SECONDS, TTL_SECONDS, INTERVAL_SECONDS = 3600 / SPEED, 300 // SPEED, 30 / SPEED
DASHBOARDS = 10


@pytest.mark.faults
@pytest.mark.timeout(150)
async def test_an_hour_of_dashboards_is_served_from_the_cache_and_costs_13_calls_at_most(
    tmp_path: Path, redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    lives = {"GEMINI_CACHE_TTL": str(TTL_SECONDS), "GEMINI_STALE_GRACE": str(TTL_SECONDS), "GEMINI_RATE_LIMIT": "100"}
    with replicas(2, tmp_path, redis_server, metrics, gemini, **lives) as processes:
        flow = asyncio.create_task(predictions_flow(metrics))
        asked = await asyncio.gather(*(dashboard(number, processes) for number in range(DASHBOARDS)))
        flow.cancel()
    answers = [answer for series in asked for answer in series]
    served = Counter(answer.cache for answer in answers)
    assert {answer.status for answer in answers} == {200}
    assert {answer.report["source"] for answer in answers} == {"gemini"}
    assert len(answers) == DASHBOARDS * HOUR_SECONDS / INTERVAL_SECONDS
    assert (served["HIT"] + served["STALE"]) / len(answers) >= 0.99
    assert served["HIT"] / len(answers) >= 0.9
    assert len(gemini.calls) <= 13


async def dashboard(number: int, processes: list[Replica]) -> list[Answer]:
    """One dashboard's questions, on its own beat: what an answer takes does not move the next question."""
    begun = time.monotonic() + number * INTERVAL_SECONDS / DASHBOARDS
    answers = []
    for turn in range(round(HOUR_SECONDS / INTERVAL_SECONDS)):
        await asyncio.sleep(begun + turn * INTERVAL_SECONDS - time.monotonic())
        answers.append(await ask(processes[(number + turn) % len(processes)].port))
    return answers


async def predictions_flow(metrics: MetricsEmulator) -> None:
    """Every number changes all the time; the verdict of the thresholds does not."""
    total = 400
    while True:
        total += 7
        metrics.now = numbers(total=total, confidence=0.75 + total % 10 / 100, p95=20 + total % 7)
        await asyncio.sleep(0.05)
