"""Who may look into quota and cache, and what starts quietly."""

import subprocess
import sys

import pytest

from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_tests.service import client_of, settings_for
from shared.testing.admin import ADMIN
from shared.testing.redis import RedisServer

REQUESTS = [("GET", "/analyze/quota"), ("GET", "/analyze/cache"), ("DELETE", "/analyze/cache")]


@pytest.mark.parametrize(("method", "path"), REQUESTS)
async def test_quota_and_cache_need_the_admin_token(
    redis_server: RedisServer, metrics: MetricsEmulator, method: str, path: str
) -> None:
    async with client_of(settings_for(redis_server, metrics)) as client:
        refused = await client.request(method, path)
        allowed = await client.request(method, path, headers=ADMIN)
    assert (refused.status_code, allowed.status_code) == (401, 200)
    assert refused.headers["www-authenticate"].startswith("Bearer")


async def test_the_document_names_every_endpoint_once_and_its_errors(
    redis_server: RedisServer, metrics: MetricsEmulator
) -> None:
    async with client_of(settings_for(redis_server, metrics)) as client:
        document = (await client.get("/openapi.json")).json()
    operations = {
        operation["operationId"]: operation for item in document["paths"].values() for operation in item.values()
    }
    assert set(operations) == {"analyze_performance", "get_quota", "list_cached_reports", "clear_cached_reports"}
    report = operations["analyze_performance"]["responses"]
    assert set(report) == {"200", "400", "401", "403", "404", "413", "415", "422", "503"}
    assert set(report["200"]["headers"]) == {"X-Cache", "Age"}
    assert report["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/PerformanceReport"}


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True)


def test_the_service_imports_neither_an_sdk_nor_what_tests_use() -> None:
    loaded = run_python("import sys, analytics_service.__main__; print(*sys.modules)").stdout.split()
    assert "analytics_service.app" in loaded
    unwanted = ("google.generativeai", "google.genai", "grpc", "analytics_service.testing", "shared.testing", "pytest")
    assert not [name for name in loaded if name.startswith(unwanted)]


@pytest.mark.parametrize("sdk", ["google-generativeai", "google-genai"])
def test_an_sdk_is_imported_without_noise(sdk: str) -> None:
    code = f"""
import asyncio
from analytics_service.gemini import gemini_provider
from analytics_service.settings import Settings
settings = Settings(_env_file=None, gemini_api_key="key", gemini_sdk={sdk!r})
asyncio.run(gemini_provider(settings).prepare())
"""
    done = run_python(code)
    assert (done.stdout, done.stderr) == ("", "")
