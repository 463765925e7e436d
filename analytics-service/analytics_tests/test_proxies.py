"""Proxies of the environment: Gemini is called through them, the metrics-service is not."""

import pytest
from pydantic import ValidationError

from analytics_service.settings import Settings
from analytics_service.testing.gemini_emulator import GeminiEmulator
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_tests.service import analyze, client_of, settings_for
from shared.testing.forward_proxy import ForwardProxy
from shared.testing.redis import RedisServer

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("sdk", ["google-generativeai", "google-genai"])
async def test_gemini_is_called_through_the_proxy_and_the_metrics_service_is_not(
    sdk: str,
    redis_server: RedisServer,
    metrics: MetricsEmulator,
    gemini: GeminiEmulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ForwardProxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        async with client_of(settings_for(redis_server, metrics, gemini, gemini_sdk=sdk)) as client:
            assert (await analyze(client)).json()["source"] == "gemini"
    assert len(gemini.calls) == 1
    assert [url.startswith(gemini.url) for url in proxy.asked] == [True]


async def test_a_dead_proxy_keeps_nobody_from_the_numbers(
    redis_server: RedisServer, metrics: MetricsEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES[:3]:
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with client_of(settings_for(redis_server, metrics)) as client:
        answer = await analyze(client)
    assert (answer.status_code, answer.json()["fallback_reason"]) == (200, "no_api_key")


@pytest.mark.parametrize(("name", "value"), [("ALL_PROXY", "socks5://127.0.0.1:1080"), ("HTTPS_PROXY", "http://:x")])
def test_a_proxy_that_cannot_be_used_stops_the_start_where_it_would_be_used(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert Settings(_env_file=None).gemini_api_key is None
    with pytest.raises(ValidationError, match=f"{name} is not of the form http://host:port"):
        Settings(_env_file=None, gemini_api_key="key")
