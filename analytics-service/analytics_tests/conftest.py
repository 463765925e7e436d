from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics_service.testing.gemini_emulator import GeminiEmulator
from analytics_service.testing.metrics_emulator import MetricsEmulator
from shared.testing.admin import TOKEN
from shared.testing.redis import RedisServer


@pytest.fixture
def metrics() -> Iterator[MetricsEmulator]:
    with MetricsEmulator(TOKEN) as emulator:
        yield emulator


@pytest.fixture
def gemini() -> Iterator[GeminiEmulator]:
    with GeminiEmulator() as emulator:
        yield emulator


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that this test alone stops."""
    server = RedisServer(tmp_path)
    server.start_and_wait()
    yield server
    server.kill()
