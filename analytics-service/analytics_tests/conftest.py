from collections.abc import Iterator

import pytest

from analytics_service.testing.gemini_emulator import GeminiEmulator
from analytics_service.testing.metrics_emulator import MetricsEmulator


@pytest.fixture
def metrics() -> Iterator[MetricsEmulator]:
    with MetricsEmulator() as emulator:
        yield emulator


@pytest.fixture
def gemini() -> Iterator[GeminiEmulator]:
    with GeminiEmulator() as emulator:
        yield emulator
