"""Whoever looks after the service learns why Gemini did not write the report: the reason, what was said, what to do."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from analytics_service.contracts.reasons import FallbackReason
from analytics_service.gemini.provider import ProviderUnavailable
from analytics_service.rules.claim import Claim
from analytics_service.testing.gemini_emulator import GeminiEmulator, reporting
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_tests.service import analyze, client_of, settings_for
from analytics_tests.wire_shapes import FAILURES
from shared.testing.admin import ADMIN
from shared.testing.redis import RedisServer

DOCUMENT = Path(__file__).parents[2] / "docs" / "reports.md"
KEY = "AIzaSyD-a-key-that-must-not-leak"

PASSING = {name for name, failure in FAILURES.items() if issubclass(failure.error, ProviderUnavailable)}
"""Tried four times, which takes a while: the fault tests have them."""


def test_the_document_says_of_each_reason_what_to_do_and_names_no_other() -> None:
    table = DOCUMENT.read_text().split("| reason |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", table, re.MULTILINE)
    assert sorted(reason for reason, _, _ in rows) == sorted(FallbackReason)
    assert all(what.strip() and advice.strip() for _, what, advice in rows)


@pytest.mark.parametrize("shape", sorted(set(FAILURES) - PASSING))
async def test_the_reason_is_in_the_report_and_what_was_said_in_health_log_and_metrics(
    redis_server: RedisServer,
    metrics: MetricsEmulator,
    gemini: GeminiEmulator,
    capsys: pytest.CaptureFixture[str],
    shape: str,
) -> None:
    failure = FAILURES[shape]
    gemini.behave(failure.behaviour)
    counted = in_prometheus(failure.error.reason)
    settings = settings_for(redis_server, metrics, gemini, gemini_api_key=KEY, gemini_sdk="google-genai")
    async with client_of(settings) as client:
        report = (await analyze(client)).json()
        health = (await client.get("/health")).json()
        days = (await client.get("/analyze/quota", headers=ADMIN)).json()["days"]
    reason = failure.error.reason
    assert (report["source"], report["fallback_reason"]) == ("rules", reason)
    component = health["components"]["gemini"]
    assert (health["status"], component["status"]) == ("degraded", "degraded")
    assert component["detail"].startswith(f"rules make the reports: {reason} since 20")
    assert days[0]["outcomes"] == {reason: len(gemini.calls)}
    calls, reports = (after - before for after, before in zip(in_prometheus(reason), counted, strict=True))
    assert (calls, reports) == (len(gemini.calls), 1)
    output = capsys.readouterr().out
    assert "gemini call failed" in output
    assert f"reason={reason}" in output
    assert failure.told.split(": ")[-1] in output
    everything = json.dumps([report, health, days]) + output
    assert KEY not in everything
    assert "AIza" not in everything
    assert "example" not in json.dumps(health)


def in_prometheus(reason: str) -> tuple[float, float]:
    """How many calls and how many reports failed for a reason."""
    calls = REGISTRY.get_sample_value("analysis_gemini_calls_total", {"outcome": reason})
    return calls or 0, REGISTRY.get_sample_value("analysis_fallbacks_total", {"reason": reason}) or 0


async def test_health_is_well_again_after_the_next_report(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    gemini.behave(FAILURES["leaked key"].behaviour)
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        await analyze(client, time_window_minutes=1)
        refused = (await client.get("/health")).json()["components"]["gemini"]
        gemini.behave(reporting())
        await analyze(client, time_window_minutes=2)
        well = (await client.get("/health")).json()
    assert "403 PERMISSION_DENIED: Your API key was reported as leaked." in refused["detail"]
    assert (well["status"], well["components"]["gemini"]["detail"]) == ("ok", "gemini-2.5-flash-lite")


def test_the_document_says_of_each_issue_when_it_is_told() -> None:
    tables = [table.split("\n\n")[0] for table in DOCUMENT.read_text().split("| `issue_type` |")[1:]]
    rows = [row for table in tables for row in table.splitlines()[1:]]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(set(issue_types(Claim)))


def issue_types(kind: type[Claim]) -> Iterator[str]:
    """Of all claims there are."""
    for each in kind.__subclasses__():
        if "issue_type" in vars(each):
            yield each.issue_type
        yield from issue_types(each)
