"""A thousand questions at once over three processes: one call, and few more whatever dies meanwhile."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics_service.testing.gemini_emulator import GeminiEmulator, slow
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_tests.replicas import Answer, Replica, ask, ask_all, replicas, until
from shared.testing.redis import RedisServer

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

CALLERS, DEADLINE_SECONDS = 1000, 30


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that this test alone kills."""
    server = RedisServer(tmp_path)
    server.start_and_wait()
    yield server
    server.kill()


@pytest.fixture
def three(
    tmp_path: Path, redis: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> Iterator[list[Replica]]:
    with replicas(3, tmp_path, redis, metrics, gemini) as processes:
        yield processes


def sources(answers: list[Answer]) -> Counter[tuple[int, str]]:
    """How many got which status from whom."""
    return Counter((answer.status, answer.report.get("source", "")) for answer in answers)


def slowest(answers: list[Answer]) -> float:
    return max(answer.seconds for answer in answers)


async def test_one_call_serves_them_all(three: list[Replica], gemini: GeminiEmulator) -> None:
    gemini.behave(slow(2))
    answers = await ask_all(three, CALLERS)
    assert sources(answers) == {(200, "gemini"): CALLERS}
    assert len({str(answer.report) for answer in answers}) == 1
    assert len(gemini.calls) == 1


async def test_when_the_leader_is_killed_exactly_one_other_takes_over(
    three: list[Replica], gemini: GeminiEmulator
) -> None:
    gemini.behave(slow(5))
    asked = asyncio.create_task(ask_all(three, CALLERS))
    await until(lambda: gemini.calls, "the call")
    (leader,) = (process for process in three if process.talks_to(gemini.port))
    leader.kill()
    answers = await asked
    unanswered = [answer for answer in answers if answer.status == 0]
    assert len(unanswered) <= CALLERS / 3 + 1
    assert sources(answers) == {(200, "gemini"): CALLERS - len(unanswered), (0, ""): len(unanswered)}
    assert len(gemini.calls) == 2
    assert slowest(answers) <= DEADLINE_SECONDS


async def test_when_redis_is_killed_everybody_is_answered_and_it_is_used_again_when_it_is_back(
    three: list[Replica], gemini: GeminiEmulator, redis: RedisServer
) -> None:
    gemini.behave(slow(3))
    asked = asyncio.create_task(ask_all(three, CALLERS))
    await until(lambda: gemini.calls, "the call")
    redis.kill()
    answers = await asked
    assert {answer.status for answer in answers} == {200}
    assert len(gemini.calls) == 1
    assert slowest(answers) <= DEADLINE_SECONDS
    reasons = {answer.report["fallback_reason"] for answer in answers}
    assert reasons <= {None, "redis_away"}

    redis.start_and_wait()
    again = [await ask(process.port, time_window_minutes=5) for process in three]
    assert [answer.report["source"] for answer in again] == ["gemini"] * 3
    assert [answer.cache for answer in again] == ["MISS", "HIT", "HIT"]


async def test_when_redis_is_restarted_empty_two_calls_leave_at_most(
    three: list[Replica], gemini: GeminiEmulator, redis: RedisServer
) -> None:
    gemini.behave(slow(3))
    asked = asyncio.create_task(ask_all(three, CALLERS))
    await until(lambda: gemini.calls, "the call")
    redis.kill()
    await asyncio.to_thread(redis.start_and_wait)
    answers = await asked
    assert {answer.status for answer in answers} == {200}
    assert len(gemini.calls) <= 2
    assert slowest(answers) <= DEADLINE_SECONDS


async def test_when_redis_stands_still_for_10_seconds_nobody_waits_longer_than_the_deadline(
    three: list[Replica], gemini: GeminiEmulator, redis: RedisServer
) -> None:
    gemini.behave(slow(3))
    asked = asyncio.create_task(ask_all(three, CALLERS))
    await until(lambda: gemini.calls, "the call")
    redis.pause()
    await asyncio.sleep(10)  # the fault itself
    redis.resume()
    answers = await asked
    assert {answer.status for answer in answers} == {200}
    assert len(gemini.calls) <= 2
    assert slowest(answers) <= DEADLINE_SECONDS
    assert (await ask(three[0].port, time_window_minutes=5)).report["source"] == "gemini"
