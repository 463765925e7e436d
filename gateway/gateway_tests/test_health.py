"""One answer from all, also when one of them hangs or is gone."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway_tests.conftest import StartGateway
from shared.embedded.ports import free_ports


@pytest.fixture
async def hanging() -> AsyncIterator[str]:
    """A service that takes connections and says nothing."""
    never = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await never.wait()

    port = next(free_ports())
    server = await asyncio.start_server(say_nothing, "127.0.0.1", port)
    yield f"http://127.0.0.1:{port}"
    never.set()
    server.close()


async def health(gateway: httpx.AsyncClient) -> tuple[int, dict]:
    answer = await gateway.get("/health")
    return answer.status_code, answer.json()


async def test_every_service_is_in_the_answer_with_its_latency(gateway: httpx.AsyncClient) -> None:
    status, answer = await health(gateway)
    assert (status, answer["status"]) == (200, "ok")
    assert set(answer["services"]) == {"gateway", "prediction-service", "metrics-service", "analytics-service"}
    assert all(answer["services"][name]["latency_ms"] > 0 for name in answer["services"] if name != "gateway")


async def test_a_service_that_hangs_degrades_the_answer_and_does_not_hold_it_up(
    start_gateway: StartGateway, hanging: str
) -> None:
    gateway = await start_gateway(metrics_url=hanging, analytics_url=hanging)
    status, answer = await health(gateway)
    assert (status, answer["status"]) == (200, "degraded")
    for name in ("metrics-service", "analytics-service"):
        assert answer["services"][name]["status"] == "down"
        assert answer["services"][name]["detail"] == "no answer in time"


@pytest.mark.parametrize("gone", [True, False])
async def test_without_predictions_the_whole_is_down_and_the_gateway_itself_is_not(
    start_gateway: StartGateway, hanging: str, gone: bool
) -> None:
    nobody = f"http://127.0.0.1:{next(free_ports())}"
    gateway = await start_gateway(prediction_url=nobody if gone else hanging)
    status, answer = await health(gateway)
    assert (status, answer["status"]) == (503, "down")
    assert answer["services"]["prediction-service"]["detail"] == ("not reachable" if gone else "no answer in time")
    for probe in ("/health/live", "/health/ready"):
        assert (await gateway.get(probe)).status_code == 200
