"""What a caller of `/analyze/performance` gets."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics_service.metrics_client.facts import Baseline, Baselines
from analytics_service.testing.gemini_emulator import FINDINGS, GeminiEmulator
from analytics_service.testing.metrics_emulator import MetricsEmulator, drift_report
from analytics_service.testing.metrics_emulator import metrics as numbers
from analytics_tests.service import analyze, client_of, settings_for
from shared.contracts.drift import DriftStatus
from shared.contracts.thresholds import Breach, Status
from shared.testing.redis import RedisServer

LOW = Breach(threshold="min_confidence_critical", threshold_value=0.4, measured_value=0.3)


async def test_without_a_key_rules_report_what_is_breached_and_say_why_it_is_them(
    redis_server: RedisServer, metrics: MetricsEmulator
) -> None:
    metrics.now = numbers(confidence=0.3, status=Status.CRITICAL, breaches=[LOW])
    async with client_of(settings_for(redis_server, metrics)) as client:
        answer = await analyze(client, time_window_minutes=60)
    report = answer.json()
    assert answer.status_code == 200
    assert (report["source"], report["fallback_reason"]) == ("rules", "no_api_key")
    worst = report["identified_issues"][0]
    assert (worst["issue_type"], worst["severity"]) == ("low_confidence", "critical")
    assert "25 % below" in worst["description"]
    assert report["metrics_analyzed"]["average_confidence"] == 0.3
    assert worst["detected_at"] == report["metrics_analyzed"]["time_window_end"]


@pytest.mark.parametrize("sdk", ["google-generativeai", "google-genai"])
async def test_with_a_key_gemini_reports_once_and_the_cache_answers_after_that(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator, sdk: str
) -> None:
    async with client_of(settings_for(redis_server, metrics, gemini, gemini_sdk=sdk)) as client:
        first = await analyze(client)
        metrics.now = numbers(total=500)
        second = await analyze(client)
    assert first.headers["x-cache"] == "MISS"
    assert second.headers["x-cache"] == "HIT"
    assert int(second.headers["age"]) >= 0
    assert first.json() == second.json()
    assert first.json()["source"] == "gemini"
    assert first.json()["fallback_reason"] is None
    assert first.json()["summary"] == FINDINGS["summary"]
    assert len(gemini.calls) == 1
    assert gemini.calls[0].key == "key"
    assert gemini.calls[0].path.startswith("/v1beta/models/gemini-2.5-flash-lite:generateContent")
    assert gemini.calls[0].body["generationConfig"]["responseMimeType"] == "application/json"


async def test_another_status_or_other_thresholds_are_another_report(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        await analyze(client)
        metrics.now = numbers(status=Status.WARNING)
        assert (await analyze(client)).headers["x-cache"] == "MISS"
        metrics.thresholds = metrics.thresholds.model_copy(update={"version": 1})
        assert (await analyze(client)).headers["x-cache"] == "MISS"
        assert (await analyze(client, model_name="other")).headers["x-cache"] == "MISS"
        assert (await analyze(client)).headers["x-cache"] == "HIT"
    assert len(gemini.calls) == 4


@pytest.mark.parametrize(
    "query",
    [
        {"time_window_minutes": 0},
        {"time_window_minutes": 1441},
        {"time_window_minutes": "an hour"},
        {"model_name": "../etc"},
        {"unknown": 1},
    ],
)
async def test_a_question_that_makes_no_sense_is_a_422_and_asks_nobody(
    redis_server: RedisServer, metrics: MetricsEmulator, query: dict[str, object]
) -> None:
    async with client_of(settings_for(redis_server, metrics)) as client:
        answer = await analyze(client, **query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"]
    assert not metrics.queries


async def test_the_window_before_ends_where_the_window_begins(
    redis_server: RedisServer, metrics: MetricsEmulator
) -> None:
    async with client_of(settings_for(redis_server, metrics)) as client:
        report = (await analyze(client, time_window_minutes=30)).json()
    now, before = metrics.queries
    assert now.window_end is None
    assert before.window_end is not None
    start = before.model_dump(mode="json")["window_end"]
    assert start == report["metrics_analyzed"]["time_window_start"]


TOO_OLD = {"location": "body.window_end", "message": "what it takes to answer is no longer kept"}
FUTURE = {"location": "body.window_end", "message": "must not lie in the future"}


@pytest.mark.parametrize(
    "refusal",
    [
        {"errors": [TOO_OLD]},
        {"errors": [FUTURE], "detail": "The window ends in the future."},
        {"detail": "The window ends in the future."},
        {"title": "Unprocessable Content"},
    ],
)
async def test_a_question_that_the_metrics_service_refuses_is_refused_with_its_reasons(
    redis_server: RedisServer, metrics: MetricsEmulator, refusal: dict[str, Any]
) -> None:
    metrics.refuses_with = refusal
    async with client_of(settings_for(redis_server, metrics)) as client:
        answers = [await analyze(client, window_end="2190-01-01T00:00:00Z") for _ in range(15)]
        metrics.refuses_with = None
        assert (await analyze(client)).status_code == 200
    for answer in answers:
        assert answer.status_code == 422
        problem = answer.json()
        assert problem["errors"] == refusal.get("errors", [])
        assert problem["detail"] == refusal.get("detail", "The request is not valid; see errors.")


@pytest.mark.parametrize(
    ("pinned", "chosen"),
    [([], None), ([("spring", True, 3)], "spring"), ([("old", True, 9), ("new", True, 2)], "new"),
     ([("seen", True, 9), ("loose", False, 1)], "seen"), ([("loose", False, 1)], "loose")],
)  # fmt: skip
@pytest.mark.parametrize("model", ["sentiment", None])
async def test_a_model_with_a_pinned_baseline_is_compared_with_it(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator,
    pinned: list[tuple[str, bool, int]], chosen: str | None, model: str | None,
) -> None:  # fmt: skip
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    metrics.baselines = Baselines(
        baselines=[
            Baseline(name=name, watched=watched, pinned_at=moment - timedelta(days=ago))
            for name, watched, ago in pinned
        ]
    )
    metrics.pinned = drift_report({"label": DriftStatus.SIGNIFICANT})
    async with client_of(settings_for(redis_server, metrics)) as client:
        report = (await analyze(client, model_name=model)).json()
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        await analyze(client, model_name=model, time_window_minutes=30)
    told = [issue["description"] for issue in report["identified_issues"] if issue["issue_type"] == "label_drift"]
    is_told = chosen is not None and model is not None
    assert len(told) == is_told
    assert (f'"baseline": "{chosen}"' in gemini.calls[0].prompt) is is_told
    if is_told:
        assert f"in the baseline `{chosen}`" in told[0]
