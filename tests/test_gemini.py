"""With a key, Gemini writes the report, through the real client; it is asked once and then read from Redis."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from analytics_service.testing.gemini_emulator import FINDINGS, GeminiEmulator, failing
from shared.testing.admin import ADMIN, TOKEN
from tests.stack import LocalStack

KEY = "a-key-that-must-not-leak"
QUESTION = {"time_window_minutes": 60}


@pytest.fixture(scope="module")
def gemini() -> Iterator[GeminiEmulator]:
    with GeminiEmulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def stack(gemini: GeminiEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of its own, whose analyst is the emulator."""
    folder: Path = tmp_path_factory.mktemp("gemini") / "local"
    stack = LocalStack(folder, GEMINI_API_KEY=KEY, GEMINI_API_ENDPOINT=gemini.url).start()
    yield stack
    stack.end()


def test_gemini_writes_the_report_once_and_redis_keeps_it(stack: LocalStack, gemini: GeminiEmulator) -> None:
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        client.post("/predict", json={"text": "I am so happy with this."}).raise_for_status()
        first = client.post("/analyze/performance", json=QUESTION)
        again = [client.post("/analyze/performance", json=QUESTION) for _ in range(5)]
    report = first.json()
    assert first.headers["x-cache"] == "MISS"
    assert report["source"] == "gemini"
    assert report["summary"] == FINDINGS["summary"]
    assert report["identified_issues"][0]["severity"] == "high"
    assert report["metrics_analyzed"]["total_predictions"] == 1
    assert {answer.headers["x-cache"] for answer in again} == {"HIT"}
    assert all(answer.json() == report for answer in again)
    (call,) = gemini.calls
    assert call.key == KEY
    assert "gemini-2.5-flash-lite:generateContent" in call.path
    assert "I am so happy" not in call.prompt


def test_operators_need_the_token_to_see_and_clear_the_cache(stack: LocalStack) -> None:
    with httpx.Client(base_url=stack.url) as client:
        for method, path in (("GET", "/analyze/quota"), ("GET", "/analyze/cache"), ("DELETE", "/analyze/cache")):
            refused = client.request(method, path)
            assert refused.status_code == 401
            assert refused.headers["content-type"] == "application/problem+json"
            assert client.request(method, path, headers=ADMIN).status_code == 200
        assert client.put("/metrics/thresholds", json={"min_confidence_warning": 0.7}).status_code == 401


def test_when_gemini_refuses_rules_write_the_report_and_say_why(stack: LocalStack, gemini: GeminiEmulator) -> None:
    gemini.behave(failing(400))
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        answer = client.post("/analyze/performance", json={"time_window_minutes": 61})
    assert answer.status_code == 200
    assert answer.json()["source"] == "rules"
    assert answer.json()["fallback_reason"]


def test_the_key_and_the_passwords_are_in_no_log(stack: LocalStack) -> None:
    output = "".join(stack.output)
    secrets = (stack.folder / "secrets.json").read_text().split('"')[3::4]
    assert len(secrets) >= 6
    for secret in (KEY, TOKEN, *secrets):
        assert secret not in output
