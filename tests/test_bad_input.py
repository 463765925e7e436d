"""Whatever is wrong with a request: the right 4xx as problem+json with the request id, and nothing recorded."""

from collections.abc import Iterator

import httpx
import pytest

from shared.testing.admin import ADMIN

REQUEST_ID = "bad-input-test-4711"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def nothing_is_recorded(client: httpx.Client) -> Iterator[None]:
    before = client.get("/metrics/count").json()
    yield
    assert client.get("/metrics/count").json() == before


def assert_problem(answer: httpx.Response, status: int) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["type"]
    assert problem["instance"] == answer.request.url.path
    assert answer.headers["x-request-id"] == problem["request_id"] == REQUEST_ID
    return problem


@pytest.mark.parametrize(
    ("path", "body", "location"),
    [
        ("/predict", {"text": ""}, "body.text"),
        ("/predict", {"text": "   \n\t "}, "body.text"),
        ("/predict", {"text": "x" * 10_001}, "body.text"),
        ("/predict", {"text": 5}, "body.text"),
        ("/predict", {"text": None}, "body.text"),
        ("/predict", {}, "body.text"),
        ("/predict", [], "body"),
        ("/predict", {"text": "Fine.", "include_metrics": "perhaps"}, "body.include_metrics"),
        ("/predict/batch", {"texts": []}, "body.texts"),
        ("/predict/batch", {"texts": ["Fine."] * 257}, "body.texts"),
        ("/predict/batch", {"texts": ["Fine.", 5]}, "body.texts.1"),
        ("/predict/batch", {"texts": "Fine."}, "body.texts"),
        ("/metrics/aggregated", {"time_window_minutes": 0}, "body.time_window_minutes"),
        ("/metrics/aggregated", {"time_window_minutes": 1441}, "body.time_window_minutes"),
        ("/metrics/aggregated", {"time_window_minutes": "an hour"}, "body.time_window_minutes"),
        ("/analyze/performance", {"time_window_minutes": 0}, "body.time_window_minutes"),
        ("/analyze/performance", {"time_window_minutes": 1441}, "body.time_window_minutes"),
    ],
)
def test_a_value_that_does_not_fit_is_a_422_that_says_where(
    client: httpx.Client, path: str, body: object, location: str
) -> None:
    problem = assert_problem(client.post(path, json=body, headers={"X-Request-ID": REQUEST_ID}), 422)
    assert location in [error["location"] for error in problem["errors"]]


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/metrics/aggregated", "/analyze/performance"])
@pytest.mark.parametrize("content", [b"not json", b"{", b'{"text": "\\ud800"', b"\x00"])
def test_a_body_that_is_not_json_is_a_422(client: httpx.Client, path: str, content: bytes) -> None:
    answer = client.post(path, content=content, headers=JSON | {"X-Request-ID": REQUEST_ID})
    assert_problem(answer, 422)


def test_half_a_character_is_a_422_not_a_500(client: httpx.Client) -> None:
    answer = client.post("/predict", content=b'{"text": "\\ud800"}', headers=JSON | {"X-Request-ID": REQUEST_ID})
    assert_problem(answer, 422)


@pytest.mark.parametrize(
    "thresholds",
    [
        {"min_confidence_warnin": 0.5},
        {"min_confidence_warning": 1.1},
        {"min_confidence_critical": 0.7},
        {"max_inference_time_critical_ms": 100},
        {"max_inference_time_warning_ms": -5},
        {"max_inference_time_warning_ms": "slow"},
        {},
    ],
)
def test_thresholds_that_make_no_sense_change_nothing(client: httpx.Client, thresholds: dict) -> None:
    before = client.get("/metrics/thresholds").json()
    answer = client.put("/metrics/thresholds", json=thresholds, headers={"X-Request-ID": REQUEST_ID, **ADMIN})
    if thresholds:
        assert_problem(answer, 422)
    assert client.get("/metrics/thresholds").json() == before


def test_an_unknown_model_is_a_404_from_the_service_that_owns_models(client: httpx.Client) -> None:
    for path, body in (("/predict", {"text": "Fine."}), ("/predict/batch", {"texts": ["Fine."]})):
        answer = client.post(path, json=body | {"model_name": "oracle"}, headers={"X-Request-ID": REQUEST_ID})
        problem = assert_problem(answer, 404)
        assert problem["type"] != "about:blank"
        assert "oracle" in problem["detail"]


@pytest.mark.parametrize("path", ["/nowhere", "/predict/", "/metrics", "/metrics/secret", "/admin", "/health/secret"])
def test_an_unknown_path_is_a_404(client: httpx.Client, path: str) -> None:
    assert_problem(client.get(path, headers={"X-Request-ID": REQUEST_ID}), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/predict"), ("DELETE", "/predict/batch"), ("POST", "/models"), ("PATCH", "/metrics/thresholds"),
     ("GET", "/metrics/aggregated"), ("GET", "/analyze/performance"), ("POST", "/health")],
)  # fmt: skip
def test_a_wrong_method_is_a_405_that_says_which_is_right(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, path, headers={"X-Request-ID": REQUEST_ID})
    assert_problem(answer, 405)
    assert answer.headers["allow"]


def test_a_body_over_a_mebibyte_is_a_413(client: httpx.Client) -> None:
    answer = client.post("/predict", content=b" " * 1_048_577, headers=JSON | {"X-Request-ID": REQUEST_ID})
    assert_problem(answer, 413)
