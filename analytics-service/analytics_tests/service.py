"""The service as it runs, on a real Redis, against emulators of Gemini and of the metrics-service."""

from contextlib import AbstractAsyncContextManager

import httpx

from analytics_service.app import create_app
from analytics_service.settings import Settings
from analytics_service.testing.gemini_emulator import GeminiEmulator
from analytics_service.testing.metrics_emulator import MetricsEmulator
from shared.testing.application import client_of_app
from shared.testing.redis import RedisServer


def settings_for(
    redis: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator | None = None, **changes: object
) -> Settings:
    keyed = {"gemini_api_key": "key", "gemini_api_endpoint": gemini.url} if gemini else {}
    values = {
        "redis_host": "127.0.0.1",
        "redis_port": redis.port,
        "redis_password": redis.password,
        "metrics_url": metrics.url,
        "redis_timeout_seconds": 10,  # what is tested is not how busy the machine is
        "metrics_timeout_seconds": 30,
    }
    return Settings(_env_file=None, **(values | keyed | changes))


def settings_for_redis_url(metrics: MetricsEmulator, gemini: GeminiEmulator, **changes: object) -> Settings:
    keyed = {"gemini_api_key": "key", "gemini_api_endpoint": gemini.url, "gemini_rate_limit": 1000}
    return Settings(_env_file=None, **(keyed | {"metrics_url": metrics.url} | changes))


def client_of(settings: Settings) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    return client_of_app(create_app(settings))


async def analyze(client: httpx.AsyncClient, **query: object) -> httpx.Response:
    return await client.post("/analyze/performance", json=query)
