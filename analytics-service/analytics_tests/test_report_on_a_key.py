"""A report about one key over HTTP: who may have it, whose it is, and what happens when something is away."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from analytics_service.contracts.question import ReportQuery
from analytics_service.reports.key import ReportKeys
from analytics_service.testing.gemini_emulator import FINDINGS, GeminiEmulator, reporting
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_tests.keyed import OTHER, SHOP, Got, everybody, seen
from analytics_tests.service import client_of, settings_for
from shared.contracts.aggregates import MetricsQuery
from shared.contracts.rights import Right
from shared.http.key_holder import KeyHolder, sealed
from shared.testing.admin import ADMIN, TOKEN, held
from shared.testing.redis import RedisServer

ASKER = "7d0b3a52-1c0e-4d2e-9a54-1f0d7b0c9a11"
READER = held(ASKER, Right.ANALYZE, Right.READ)
OF_SHOP, OF_OTHER = [Got(400, 0.61, 12.0)], [Got(40, 0.95, 8.0)]
PLAUSIBLE = FINDINGS | {
    "summary": "This caller got 400 predictions with an average confidence of 0.61.",
    "identified_issues": [],
}

JUDGED = FINDINGS | {"summary": "Judged.", "identified_issues": []}


@pytest.fixture
def keys(metrics: MetricsEmulator) -> MetricsEmulator:
    """A metrics-service that knows two keys, and all callers with them."""
    metrics.keys = {str(SHOP): seen(OF_SHOP), str(OTHER): seen(OF_OTHER)}
    metrics.now = metrics.before = everybody([*OF_SHOP], [*OF_OTHER, Got(3560, 0.8, 10.0, "2.0.0")])
    return metrics


@pytest.fixture
async def client(redis_server: RedisServer, keys: MetricsEmulator) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(settings_for(redis_server, keys)) as client:
        yield client


async def ask(
    client: httpx.AsyncClient, key_id: object = SHOP, headers: dict[str, str] | None = None, **query: object
) -> httpx.Response:
    body = query | ({} if key_id is None else {"key_id": str(key_id)})
    return await client.post("/analyze/performance", json=body, headers=READER if headers is None else headers)


async def test_it_tells_what_the_key_got_beside_all_callers_and_what_is_not_kept(client: httpx.AsyncClient) -> None:
    told = await ask(client, time_window_minutes=120, model_name="sentiment")
    assert told.status_code == 200
    report = told.json()
    analyzed, caller = report["metrics_analyzed"], report["caller"]
    assert caller["key_id"] == str(SHOP)
    assert (analyzed["total_predictions"], analyzed["average_confidence"]) == (400, 0.61)
    assert (analyzed["p95_inference_time_ms"], analyzed["label_distribution"]) == (None, {})
    assert analyzed["versions"][0]["average_inference_time_ms"] == 12.0
    assert caller["all_callers"]["total_predictions"] == 4000
    assert [each["total_predictions"] for each in caller["all_callers"]["versions"]] == [3560, 440]
    assert all(each["label_distribution"] == {} for each in caller["all_callers"]["versions"])
    assert caller["not_kept"] == ["percentiles", "label_distribution", "drift", "alerts", "status"]
    assert "10 % of the 4,000" in report["summary"]
    assert "are not known of one caller" in report["summary"]


async def test_a_report_about_no_key_has_no_caller_and_is_asked_for_without_any_right(
    client: httpx.AsyncClient, keys: MetricsEmulator
) -> None:
    for headers in ({}, {"Authorization": "Bearer something-else"}, held(ASKER, Right.ANALYZE)):
        told = await ask(client, None, headers)
        assert told.status_code == 200
        assert told.json()["caller"] is None
    assert keys.shown == []


async def test_a_key_and_all_callers_are_asked_about_over_the_very_same_hours(
    client: httpx.AsyncClient, keys: MetricsEmulator
) -> None:
    keys.clock = lambda: datetime(2026, 1, 5, 17, 20, tzinfo=UTC)
    analyzed = (await ask(client, time_window_minutes=180)).json()["metrics_analyzed"]
    assert (analyzed["time_window_start"], analyzed["time_window_end"]) == (
        "2026-01-05T15:00:00Z",
        "2026-01-05T18:00:00Z",
    )
    (of_all,) = keys.queries
    assert of_all == MetricsQuery(time_window_minutes=180, window_end=datetime(2026, 1, 5, 18, tzinfo=UTC))


def right_for(models: dict[Right, set[str]], *rights: Right) -> dict[str, str]:
    """A key with rights of which some are for some models."""
    names = {right: frozenset(each) for right, each in models.items()}
    return {"X-Key-Holder": sealed(KeyHolder(ASKER, frozenset(rights), names), TOKEN).decode()}


BOTH = (Right.ANALYZE, Right.READ)
READS_ONE = right_for({Right.READ: {"sentiment"}}, *BOTH)
ANALYZES_ONE = right_for({Right.ANALYZE: {"sentiment"}}, *BOTH)
FORGED = {"X-Key-Holder": f"{ASKER} admin {'0' * 64}"}


@pytest.mark.parametrize(
    ("headers", "model_name", "status"),
    [
        ({}, None, 401),
        ({"Authorization": "Bearer not-the-token"}, None, 401),
        ({"Authorization": "Basic YWxpY2U6cGFzcw=="}, None, 401),
        (ADMIN, None, 200),
        (READER, None, 200),
        (held(ASKER, Right.ADMIN), None, 200),
        (held(ASKER, Right.ANALYZE), None, 403),
        (held(ASKER, Right.ANALYZE, Right.PREDICT, Right.FEEDBACK), None, 403),
        (held(str(SHOP), Right.ANALYZE), None, 403),  # not even about itself
        (held(str(SHOP), Right.ANALYZE) | ADMIN, None, 403),  # who shows a key is its holder
        (READS_ONE, "sentiment", 200),
        (READS_ONE, "spam-words", 403),
        (READS_ONE, None, 403),
        (ANALYZES_ONE, "sentiment", 200),
        (ANALYZES_ONE, "spam-words", 403),
        (ANALYZES_ONE, None, 403),
        (FORGED, None, 503),
    ],
)
async def test_it_is_for_whoever_may_read_the_record_and_analyze(
    client: httpx.AsyncClient, keys: MetricsEmulator, headers: dict[str, str], model_name: str | None, status: int
) -> None:
    """Also when it is cached: the right is judged before anything is looked up."""
    more = {"model_name": model_name} if model_name else {}
    assert (await ask(client, headers=READER, **more)).status_code == 200
    asked = len(keys.shown)
    told = await ask(client, headers=headers, **more)
    assert told.status_code == status, told.text
    if status != 200:
        assert told.headers["content-type"] == "application/problem+json"
        assert "0.61" not in told.text
        assert "400" not in told.text
        assert len(keys.shown) == asked
    if status == 403:
        assert told.json()["type"] == "urn:problem-type:right-missing"


@pytest.mark.parametrize("shown", [READER, ADMIN])
async def test_the_metrics_service_is_asked_by_the_right_of_whoever_asks_and_only_about_keys(
    client: httpx.AsyncClient, keys: MetricsEmulator, shown: dict[str, str]
) -> None:
    assert (await ask(client, headers=shown)).status_code == 200
    assert keys.shown == [{name.lower(): value for name, value in shown.items()}]


async def test_a_report_is_never_that_of_another_key_or_of_all(
    redis_server: RedisServer, keys: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    gemini.behave(reporting(JUDGED))
    async with client_of(settings_for(redis_server, keys, gemini, gemini_rate_limit=1000)) as client:
        reports = {}
        for cache in ("MISS", "HIT"):
            for key_id, total in ((SHOP, 400), (OTHER, 40), (None, 4000)):
                told = await ask(client, key_id, time_window_minutes=60)
                assert told.headers["x-cache"] == cache
                report = told.json()
                assert report["metrics_analyzed"]["total_predictions"] == total
                assert (report["caller"] or {}).get("key_id") == (str(key_id) if key_id else None)
                assert reports.setdefault(key_id, report) == report
        cached = (await client.get("/analyze/cache", headers=ADMIN)).json()
    assert len(gemini.calls) == 3
    assert {each["query"]["key_id"] for each in cached["reports"]} == {str(SHOP), str(OTHER), None}


async def test_nor_when_redis_is_away_and_the_process_remembers_the_last_ones(
    own_redis: RedisServer, keys: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    gemini.behave(reporting(JUDGED))
    settings = settings_for(own_redis, keys, gemini, redis_timeout_seconds=1, gemini_rate_limit=1000)
    async with client_of(settings) as client:
        await ask(client, SHOP)
        await ask(client, None)
        own_redis.kill()
        for key_id, total, source in ((SHOP, 400, "gemini"), (OTHER, 40, "rules"), (None, 4000, "gemini")):
            told = await ask(client, key_id)
            assert told.json()["metrics_analyzed"]["total_predictions"] == total
            assert told.json()["source"] == source
            assert (await ask(client, SHOP, held(ASKER, Right.ANALYZE))).status_code == 403


def test_a_question_about_no_key_is_found_under_the_name_that_it_had_before_there_were_keys() -> None:
    """Replicas of two releases beside each other share reports and locks."""
    names = ReportKeys("a-model", 5)
    asked = MetricsQuery().model_dump(mode="json") | {"gemini_model": "a-model", "prompt_version": 5}
    before = hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    assert names.query_digest(ReportQuery()) == before
    assert len({before, *(names.query_digest(ReportQuery(key_id=key_id)) for key_id in (SHOP, OTHER))}) == 3


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"time_window_minutes": 30}, "multiple of 60"),
        ({"time_window_minutes": 61}, "multiple of 60"),
        ({"window_end": "2026-01-05T12:30:00Z"}, "full hour"),
        ({"window_end": "2026-01-05T12:00:00+05:30"}, "full hour"),
        ({"task_type": "classification"}, "no tasks"),
        ({"model_version": "1.0.0"}, "every version"),
    ],
)
async def test_what_is_not_counted_by_key_is_a_422_that_says_so(
    client: httpx.AsyncClient, keys: MetricsEmulator, query: dict[str, object], words: str
) -> None:
    told = await ask(client, **query)
    assert told.status_code == 422
    assert [error["location"] for error in told.json()["errors"]] == ["body.key_id"]
    assert words in told.json()["errors"][0]["message"]
    assert keys.shown == []


@pytest.mark.parametrize(
    ("query", "location"),
    [({"time_window_minutes": 1500}, "body.time_window_minutes"), ({"key_id": "shop"}, "body.key_id")],
)
async def test_a_window_that_is_too_long_and_an_id_that_is_none_are_refused(
    client: httpx.AsyncClient, query: dict[str, object], location: str
) -> None:
    told = await client.post("/analyze/performance", json={"key_id": str(SHOP)} | query, headers=READER)
    assert told.status_code == 422
    assert [error["location"] for error in told.json()["errors"]] == [location]


async def test_hours_that_are_no_longer_kept_are_refused_in_the_metrics_services_words(
    client: httpx.AsyncClient, keys: MetricsEmulator
) -> None:
    fault = {"location": "query.window_end", "message": "hours of keys are no longer kept"}
    keys.refuses_with = {"detail": "no", "errors": [fault]}
    told = await ask(client, window_end="2020-01-05T12:00:00Z")
    assert told.status_code == 422
    assert told.json()["errors"] == [fault | {"location": "body.window_end"}]


async def test_a_key_that_nobody_knows_has_a_window_without_predictions_and_costs_no_call(
    redis_server: RedisServer, keys: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    async with client_of(settings_for(redis_server, keys, gemini)) as client:
        told = (await ask(client, "00000000-0000-4000-8000-000000000000")).json()
    assert (told["source"], told["fallback_reason"]) == ("rules", "empty_window")
    assert told["summary"].startswith("There were no predictions in the hour until")
    assert told["caller"]["all_callers"]["total_predictions"] == 4000
    assert gemini.calls == []


async def test_a_model_that_does_not_exist_is_a_404(client: httpx.AsyncClient, keys: MetricsEmulator) -> None:
    keys.knows = {"sentiment"}
    assert (await ask(client, model_name="nobody")).status_code == 404


async def test_without_the_metrics_service_the_last_report_on_this_key_is_told_and_no_other(
    client: httpx.AsyncClient, keys: MetricsEmulator
) -> None:
    first = await ask(client, SHOP)
    await ask(client, None)
    keys.stop()
    last = await ask(client, SHOP)
    assert (last.status_code, last.headers["x-cache"]) == (200, "STALE")
    assert last.json() == first.json()
    assert (await ask(client, OTHER)).status_code == 503
    assert (await ask(client, SHOP, {})).status_code == 401
    keys.start()
    assert (await ask(client, OTHER)).json()["metrics_analyzed"]["total_predictions"] == 40


async def test_a_metrics_service_that_believes_no_right_of_ours_is_away(
    client: httpx.AsyncClient, keys: MetricsEmulator
) -> None:
    keys.token = "another-token-than-ours"
    assert (await ask(client, headers=ADMIN)).status_code == 503
    assert (await ask(client, None)).status_code == 200


async def test_fifty_who_ask_about_one_key_share_one_call_and_its_quota(
    redis_server: RedisServer, keys: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    gemini.behave(reporting(JUDGED))
    settings = settings_for(redis_server, keys, gemini, gemini_rate_limit=2, gemini_client_share=1)
    async with client_of(settings) as client:
        told = await asyncio.gather(*(ask(client) for _ in range(50)))
        assert {each.status_code for each in told} == {200}
        assert {each.json()["source"] for each in told} == {"gemini"}
        assert len(gemini.calls) == 1
        assert (await ask(client, OTHER)).json()["source"] == "gemini"
        third = (await ask(client, None)).json()
    assert third["fallback_reason"] in {"quota_exhausted", "client_quota_exhausted"}


async def test_a_keys_share_of_the_calls_is_that_of_whoever_asks(
    redis_server: RedisServer, keys: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    gemini.behave(reporting(JUDGED))
    settings = settings_for(redis_server, keys, gemini, gemini_rate_limit=2, gemini_client_share=0.5)
    async with client_of(settings) as client:
        assert (await ask(client, SHOP)).json()["source"] == "gemini"
        assert (await ask(client, OTHER)).json()["fallback_reason"] == "client_quota_exhausted"
        another = held("1d0b3a52-1c0e-4d2e-9a54-1f0d7b0c9a22", *BOTH)
        assert (await ask(client, OTHER, another, time_window_minutes=120)).json()["source"] == "gemini"


async def test_gemini_is_told_of_one_caller_and_an_odd_answer_becomes_a_report_by_rules(
    redis_server: RedisServer, keys: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    odd = FINDINGS | {
        "summary": "The p95 of 31 ms is within its threshold, and labels are stable.",
        "identified_issues": [
            {"issue_type": "label_drift", "severity": "high", "description": "Labels have drifted (PSI 0.4)."}
        ],
    }
    gemini.behave(reporting(odd))
    async with client_of(settings_for(redis_server, keys, gemini)) as client:
        told = (await ask(client)).json()
    assert (told["source"], told["fallback_reason"]) == ("rules", "answer_untrue")
    assert "came with this key" in told["summary"]
    assert len(gemini.calls) == 2
    assert "not known by caller" in gemini.calls[1].prompt
    assert str(SHOP) not in gemini.calls[0].prompt


async def test_of_a_half_true_answer_the_true_half_is_told(
    redis_server: RedisServer, keys: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    summary = "This caller got 400 predictions with an average confidence of 0.61."
    gemini.behave(reporting(PLAUSIBLE | {"summary": f"{summary} There is no drift. Confidence fell from 0.8 to 0.61."}))
    async with client_of(settings_for(redis_server, keys, gemini)) as client:
        told = (await ask(client)).json()
    assert (told["source"], told["summary"]) == ("gemini", summary)
    assert told["caller"]["key_id"] == str(SHOP)


async def test_a_stale_report_on_a_key_is_made_anew_in_the_background(
    redis_server: RedisServer, keys: MetricsEmulator
) -> None:
    settings = settings_for(redis_server, keys, rules_cache_ttl=1)
    async with client_of(settings) as client:
        assert (await ask(client)).headers["x-cache"] == "MISS"
        keys.keys[str(SHOP)] = seen([Got(500, 0.61, 12.0)])
        async with asyncio.timeout(20):
            while (await ask(client)).json()["metrics_analyzed"]["total_predictions"] != 500:
                await asyncio.sleep(0.1)
