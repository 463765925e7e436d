"""From the prediction to what is said about it: recorded, counted, aggregated, judged, explained."""

import asyncio
import random
from collections import Counter

import httpx
import pytest

from tests.stack import LocalStack

TEXTS = [
    "I love it.",
    "What a great day!",
    "This is awful.",
    "I hate waiting in line.",
    "The train leaves at nine.",
    "There are three chairs in the room.",
    "Best coffee in town, friendly people.",
    "The update broke everything and nobody answers.",
]


async def predict_all(url: str, requests: int, addresses: list[str]) -> list[dict]:
    """Predictions from several addresses at once."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:

        async def one(number: int) -> dict:
            headers = {"X-Forwarded-For": addresses[number % len(addresses)]}
            answer = await client.post("/predict", json={"text": random.choice(TEXTS)}, headers=headers)
            answer.raise_for_status()
            return answer.json()

        return await asyncio.gather(*(one(number) for number in range(requests)))


def test_300_predictions_from_several_clients_are_all_counted_and_averaged(stack: LocalStack) -> None:
    def aggregates() -> dict:
        return httpx.post(f"{stack.url}/metrics/aggregated", json={"time_window_minutes": 1440}).json()

    before = aggregates()
    predictions = asyncio.run(predict_all(stack.url, 300, [f"203.0.113.{n}" for n in range(1, 11)]))
    after = aggregates()

    assert after["total_predictions"] - before["total_predictions"] == 300
    labels = Counter(prediction["prediction_label"] for prediction in predictions)
    grown = Counter(after["label_distribution"])
    grown.subtract(before["label_distribution"])
    assert +grown == labels
    assert sum(after["label_distribution"].values()) == after["total_predictions"]

    for field in ("confidence", "inference_time_ms"):
        total = sum(prediction[field] for prediction in predictions)
        earlier = (before[f"average_{field}"] or 0) * before["total_predictions"]
        expected = (earlier + total) / after["total_predictions"]
        assert after[f"average_{field}"] == pytest.approx(expected, rel=1e-6)
    slowest = max(prediction["inference_time_ms"] for prediction in predictions)
    assert after["max_inference_time_ms"] >= slowest * (1 - 1e-9)
    assert httpx.get(f"{stack.url}/metrics/count").json()["total_predictions"] >= after["total_predictions"]


def test_the_61st_request_is_refused_and_costs_nobody_else(stack: LocalStack, new_address: str) -> None:
    with httpx.Client(base_url=stack.url, headers={"X-Forwarded-For": new_address}) as client:
        answers = [client.post("/predict", json={"text": "Again."}) for _ in range(61)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    refused = answers[-1]
    assert refused.headers["content-type"] == "application/problem+json"
    for header in ("Retry-After", "RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining"):
        assert header in refused.headers
    assert refused.headers["x-ratelimit-limit"] == "60"
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert httpx.get(f"{stack.url}/metrics/count", headers={"X-Forwarded-For": new_address}).status_code == 200
