"""README's tour, through the edge, two Traefiks and four services in containers."""

import ssl
from pathlib import Path

import httpx
import pytest

from container_tests.stack import ComposeStack


def test_every_part_is_healthy(stack: ComposeStack) -> None:
    health = stack.health()

    assert health["status"] == "ok"
    assert {name: service["status"] for name, service in health["services"].items()} == {
        "gateway": "ok",
        "prediction-service": "ok",
        "metrics-service": "ok",
        "analytics-service": "ok",
    }


def test_a_prediction_is_answered_counted_aggregated_and_explained(client: httpx.Client) -> None:
    before = client.get("/metrics/count").json()["total_predictions"]

    prediction = client.post("/predict", json={"text": "What a wonderful little server!"})
    batch = client.post("/predict/batch", json={"texts": ["I love it.", "This is awful."]})
    aggregates = client.post("/metrics/aggregated", json={"time_window_minutes": 60})
    report = client.post("/analyze/performance", json={})

    assert prediction.json()["prediction_label"] == "positive"
    assert [one["prediction_label"] for one in batch.json()["predictions"]] == ["positive", "negative"]
    assert client.get("/metrics/count").json()["total_predictions"] == before + 3
    assert aggregates.json()["total_predictions"] >= 3
    assert (report.json()["source"], report.json()["fallback_reason"]) == ("rules", "no_api_key")
    assert report.headers["x-cache"] in {"MISS", "HIT"}


def test_every_model_of_the_folder_is_there_and_v2_speaks(client: httpx.Client) -> None:
    names = {model["name"] for model in client.get("/models").json()["models"]}

    assert {"sentiment-lexicon", "spam-words"} <= names
    assert client.get("/v2/health/ready").status_code == 200
    assert client.get("/v2/models/spam-words").json()["name"] == "spam-words"


def test_the_61st_request_of_a_client_is_refused_and_other_clients_are_not(client: httpx.Client) -> None:
    codes = [client.post("/predict", json={"text": "Again."}).status_code for _ in range(61)]
    other = client.post("/predict", json={"text": "Again."}, headers={"X-Forwarded-For": "203.0.113.250"})

    assert codes == [200] * 60 + [429]
    assert other.status_code == 200


def test_what_only_operators_may_do_needs_the_admin_token(stack: ComposeStack, client: httpx.Client) -> None:
    token = (stack.secrets / "admin_token").read_text().strip()
    thresholds = {"min_confidence_warning": 0.61}

    assert client.put("/metrics/thresholds", json=thresholds).status_code == 401
    assert client.get("/analyze/quota").status_code == 401
    with_token = client.put("/metrics/thresholds", json=thresholds, headers={"Authorization": f"Bearer {token}"})
    assert with_token.json()["min_confidence_warning"] == 0.61


def test_the_documents_are_one_and_a_bad_request_is_a_problem(client: httpx.Client) -> None:
    assert "/predict" in client.get("/openapi.json").json()["paths"]
    assert client.get("/docs").status_code == 200

    refused = client.post("/predict", json={"text": " "})

    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"


def test_tls_is_served_with_the_certificate_that_was_given(stack: ComposeStack, certificate: Path) -> None:
    context = ssl.create_default_context(cafile=str(certificate))

    with httpx.Client(verify=context, base_url=f"https://localhost:{stack.https_port}") as client:
        answer = client.get("/health/ready")

    assert answer.status_code == 200


@pytest.mark.parametrize("protocol", ["foo", "h2c", "TLS/1.0", "websocket"])
def test_no_request_asks_for_another_protocol_behind_the_edge(client: httpx.Client, protocol: str) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": protocol}
    answer = client.post("/predict", json={"text": "I love it."}, headers=upgrade)

    assert answer.status_code == 200
    assert answer.json()["prediction_label"] == "positive"
