"""Every row of the API table, through the gateway."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from shared.testing.admin import ADMIN

SENTENCES = {
    "I love this, it works perfectly and the support is fantastic!": "positive",
    "This is the worst purchase I have ever made. Terrible.": "negative",
    "The meeting takes place on Tuesday.": "neutral",
}
PREDICTION_FIELDS = {
    "prediction_id", "prediction_label", "task_type", "model_name", "model_version", "confidence", "inference_time_ms",
    "timestamp", "metric", "raw_output",
}  # fmt: skip
METRIC_FIELDS = {
    "prediction_id", "prediction_label", "task_type", "model_name", "model_version", "confidence", "inference_time_ms",
    "input_length", "timestamp", "metrics_data",
}  # fmt: skip


def test_the_front_page_names_the_product_and_links_that_work(client: httpx.Client) -> None:
    home = client.get("/").json()
    assert home["name"] == "FastAPI Model Server"
    assert re.fullmatch(r"\d+\.\d+\.\d+", home["version"])
    for name in ("docs", "redoc", "openapi", "health", "models"):
        assert client.get(home["links"][name]).status_code == 200


def test_health_shows_every_service_and_store_with_its_latency(client: httpx.Client) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    health = answer.json()
    assert health["status"] == "ok"
    services = health["services"]
    assert set(services) == {"gateway", "prediction-service", "metrics-service", "analytics-service"}
    parts = {part for service in services.values() for part in service["components"]}
    assert {"postgres", "redis", "models"} <= parts
    for service in services.values():
        assert service["status"] == "ok"
        assert all(part["latency_ms"] >= 0 for part in service["components"].values())


@pytest.mark.parametrize(("text", "label"), SENTENCES.items())
def test_a_prediction_is_right_and_says_all_that_was_recorded(client: httpx.Client, text: str, label: str) -> None:
    answer = client.post("/predict", json={"text": text})
    assert answer.status_code == 200
    prediction = answer.json()
    assert set(prediction) == PREDICTION_FIELDS
    assert prediction["prediction_label"] == label
    assert UUID(prediction["prediction_id"]).version == 7
    assert prediction["task_type"] == "classification"
    assert re.fullmatch(r"\d+\.\d+\.\d+", prediction["model_version"])
    assert 0 <= prediction["confidence"] <= 1
    assert prediction["inference_time_ms"] >= 0
    moment = datetime.fromisoformat(prediction["timestamp"])
    assert moment.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)
    assert set(prediction["raw_output"]["scores"]) == {"positive", "negative", "neutral"}
    assert sum(prediction["raw_output"]["scores"].values()) == pytest.approx(1, abs=1e-3)
    metric = prediction["metric"]
    assert set(metric) == METRIC_FIELDS
    assert metric["input_length"] == len(text)
    for field in METRIC_FIELDS - {"input_length", "metrics_data"}:
        assert metric[field] == prediction[field]


def test_metrics_are_left_out_when_they_are_not_wanted(client: httpx.Client) -> None:
    answer = client.post("/predict", json={"text": "Fine.", "include_metrics": False}).json()
    assert answer.get("metric") is None


def test_a_batch_answers_every_text_in_order(client: httpx.Client) -> None:
    before = client.get("/metrics/count").json()["total_predictions"]
    texts = list(SENTENCES) * 20
    predictions = client.post("/predict/batch", json={"texts": texts}).json()["predictions"]
    assert [prediction["prediction_label"] for prediction in predictions] == list(SENTENCES.values()) * 20
    assert len({prediction["prediction_id"] for prediction in predictions}) == 60
    assert client.get("/metrics/count").json()["total_predictions"] == before + 60


def test_the_models_that_are_loaded_are_listed(client: httpx.Client) -> None:
    (model, *_) = client.get("/models").json()["models"]
    assert {"positive", "negative", "neutral"} == set(model["labels"])
    assert {"version", "source"} <= set(model)
    assert any(key in model for key in ("name", "model_name"))


def test_an_empty_window_has_count_0_nulls_and_is_normal(client: httpx.Client) -> None:
    long_ago = (datetime.now(UTC) - timedelta(days=20)).isoformat()
    answer = client.post("/metrics/aggregated", json={"window_end": long_ago}).json()
    assert answer["total_predictions"] == 0
    assert answer["average_confidence"] is None
    assert answer["p95_inference_time_ms"] is None
    assert answer["label_distribution"] == {}
    assert answer["status"] == "normal"
    assert answer["breaches"] == []


def test_a_model_that_is_loaded_is_known_and_a_mistyped_one_is_not(client: httpx.Client) -> None:
    names = {model["name"] for model in client.get("/models").json()["models"]}
    for name in names:
        answer = client.post("/metrics/aggregated", json={"model_name": name})
        assert answer.status_code == 200, answer.text
    mistyped = client.post("/metrics/aggregated", json={"model_name": "sentimnet"})
    assert mistyped.status_code == 404
    assert all(name in mistyped.json()["detail"] for name in names)


def test_thresholds_change_the_status_at_once(client: httpx.Client) -> None:
    client.post("/predict", json={"text": "The bus stops here."})
    model = client.get("/models").json()["models"][0]
    name = model.get("name") or model["model_name"]
    query = {"params": {"model_name": name}, "headers": ADMIN}
    before = client.get("/metrics/thresholds", **query).json()
    strict = {"max_inference_time_warning_ms": 0.000001, "max_inference_time_critical_ms": 0.000002}
    try:
        changed = client.put("/metrics/thresholds", json=strict, **query)
        assert changed.status_code == 200
        assert changed.json()["min_confidence_warning"] == before["min_confidence_warning"]
        answer = client.post("/metrics/aggregated", json={"model_name": name}).json()
        assert answer["status"] == "critical"
        assert {breach["threshold"] for breach in answer["breaches"]} >= {"max_inference_time_critical_ms"}
    finally:
        fields = ("max_inference_time_warning_ms", "max_inference_time_critical_ms")
        client.put("/metrics/thresholds", json={field: before[field] for field in fields}, **query)
    assert "max_inference_time_critical_ms" not in str(
        client.post("/metrics/aggregated", json={"model_name": name}).json()["breaches"]
    )


def test_the_report_comes_from_rules_without_a_key_and_then_from_the_cache(client: httpx.Client) -> None:
    for text in SENTENCES:
        client.post("/predict", json={"text": text})
    client.request("DELETE", "/analyze/cache", headers=ADMIN)
    first = client.post("/analyze/performance", json={"time_window_minutes": 30})
    assert first.status_code == 200
    assert first.headers["x-cache"] == "MISS"
    report = first.json()
    assert report["source"] == "rules"
    assert report["fallback_reason"]
    assert report["summary"]
    assert isinstance(report["recommendations"], list)
    assert report["metrics_analyzed"]["total_predictions"] >= 3
    assert 0 <= report["confidence_score"] <= 1
    second = client.post("/analyze/performance", json={"time_window_minutes": 30})
    assert second.headers["x-cache"] == "HIT"
    assert int(second.headers["age"]) >= 0
    assert second.json() == report


def test_one_valid_document_describes_the_whole_api(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    rows = {
        "/": ["get"], "/health": ["get"], "/predict": ["post"], "/predict/batch": ["post"], "/models": ["get"],
        "/metrics/aggregated": ["post"], "/metrics/thresholds": ["get", "put"], "/metrics/count": ["get"],
        "/analyze/performance": ["post"],
    }  # fmt: skip
    for path, methods in rows.items():
        assert set(methods) <= set(document["paths"][path])
    operations = [
        operation
        for item in document["paths"].values()
        for method, operation in item.items()
        if method in {"get", "put", "post", "delete"}
    ]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    assert "429" in document["paths"]["/predict"]["post"]["responses"]
    assert "429" not in document["paths"]["/models"]["get"]["responses"]


@pytest.mark.parametrize("service", ["prediction-service", "metrics-service", "analytics-service"])
def test_each_service_has_a_document_of_its_own(client: httpx.Client, service: str) -> None:
    document = client.get(f"/openapi/{service}.json").json()
    OpenAPIV31SpecValidator(document).validate()
    for path, item in document["paths"].items():
        if "{" not in path and "get" in item:
            assert client.get(path).status_code != 404
    assert f"<option>{service}</option>" in client.get("/docs", params={"service": service}).text


def test_the_documentation_needs_no_internet(client: httpx.Client) -> None:
    for page in ("/docs", "/redoc"):
        html = client.get(page).text
        addresses = re.findall(r'(?:src|href)="([^"]+)"', html)
        assert addresses
        for address in addresses:
            assert address.startswith("/")
            assert client.get(address).status_code == 200
        assert not re.search(r'(src|href|url)\s*[=(]\s*["\']?(https?:)?//', html)
