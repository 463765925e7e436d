"""A traced request is one trace through all services, at a real receiver; what is not sampled leaves none."""

import json
import re
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from analytics_service.testing.gemini_emulator import GeminiEmulator
from observability.exposition import scrape
from shared.processes.waiting import wait_until
from shared.testing.otlp_receiver import OtlpReceiver, Received
from tests.prometheus_server import PrometheusServer
from tests.stack import LocalStack

PARENT = "00f067aa0ba902b7"
INTERNAL, SERVER, CLIENT = 1, 2, 3


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def stack(receiver: OtlpReceiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack that traces what its callers trace, and nothing else; its analyst is an emulator."""
    with GeminiEmulator() as gemini:
        folder = tmp_path_factory.mktemp("traces")
        (folder / "headers").write_text("x-receiver-key=a%2Cb, x-tenant=t 1\n")
        stack = LocalStack(
            folder / "local", LOG_FORMAT="json", LOG_LEVEL="DEBUG", ACCESS_LOG="all",
            OTEL_EXPORTER_OTLP_HEADERS_FILE=str(folder / "headers"),
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_TRACES_SAMPLER="parentbased_always_off",
            OTEL_EXPORTER_OTLP_TIMEOUT="1", GEMINI_API_KEY="a-key", GEMINI_API_ENDPOINT=gemini.url,
        ).start()  # fmt: skip
        yield stack
        stack.end()


def traceparent(trace_id: str, *, sampled: bool = True) -> dict[str, str]:
    return {"traceparent": f"00-{trace_id}-{PARENT}-0{int(sampled)}"}


def is_within(span: Received, parent: Received) -> bool:
    """A child of it, as far as clocks of one machine say so."""
    return span.parent_id == parent.span_id and parent.start_ns <= span.start_ns <= span.end_ns <= parent.end_ns


def test_a_prediction_is_one_trace_from_the_gateway_to_its_commit(stack: LocalStack, receiver: OtlpReceiver) -> None:
    trace_id = "1" * 32
    response = stack.client.post("/predict", json={"text": "I love it."}, headers=traceparent(trace_id))
    inside = ("compute", "queue", "model", "commit")
    found = receiver.wait_for(
        trace_id, "gateway: POST /predict", "gateway: limit", "gateway: prediction-service",
        "prediction-service: POST /predict", *(f"prediction-service: {name}" for name in inside),
    )  # fmt: skip
    root, served = found["gateway: POST /predict"], found["prediction-service: POST /predict"]
    asked, computed = found["gateway: prediction-service"], found["prediction-service: compute"]
    assert (root.parent_id, root.kind, served.kind, asked.kind) == (PARENT, SERVER, SERVER, CLIENT)
    assert is_within(found["gateway: limit"], root)
    assert is_within(asked, root)
    assert is_within(served, asked)
    assert is_within(computed, served)
    assert is_within(found["prediction-service: commit"], served)
    assert found["prediction-service: queue"].parent_id == computed.span_id
    assert is_within(found["prediction-service: model"], computed)
    assert found["prediction-service: queue"].end_ns == found["prediction-service: model"].start_ns
    assert root.attributes["http.response.status_code"] == 200
    assert root.attributes["modelserver.request_id"] == response.headers["x-request-id"]
    assert found["gateway: limit"].attributes["modelserver.limit.outcome"] == "admitted"
    assert computed.attributes["modelserver.model"] == response.json()["model_name"]
    assert not any(span.is_error for span in found.values())
    assert (receiver.headers["x-receiver-key"], receiver.headers["x-tenant"]) == ("a,b", "t 1")


def test_a_report_shows_cache_lock_quota_sql_and_the_call_to_gemini(stack: LocalStack, receiver: OtlpReceiver) -> None:
    trace_id = "2" * 32
    stack.client.post("/predict", json={"text": "I love it."}).raise_for_status()
    report = stack.client.post("/analyze/performance", json={}, headers=traceparent(trace_id), timeout=30).json()
    assert report["source"] == "gemini"
    call = "generate_content gemini-2.5-flash-lite"
    found = receiver.wait_for(
        trace_id, "gateway: analytics-service", "analytics-service: POST /analyze/performance",
        *(f"analytics-service: {name}" for name in ("cache", "lock", "quota", call, "cache store")),
        "analytics-service: POST /metrics/aggregated", "metrics-service: POST /metrics/aggregated",
        "metrics-service: SELECT",
    )  # fmt: skip
    attributes = found[f"analytics-service: {call}"].attributes
    assert found[f"analytics-service: {call}"].kind == CLIENT
    assert attributes["gen_ai.operation.name"] == "generate_content"
    assert attributes["gen_ai.provider.name"] == "gcp.gemini"
    assert attributes["gen_ai.request.model"] == "gemini-2.5-flash-lite"
    assert attributes["gen_ai.usage.input_tokens"] > 0
    assert attributes["gen_ai.usage.output_tokens"] > 0
    assert found["analytics-service: lock"].attributes["modelserver.lock.outcome"] == "Lease"
    assert found["analytics-service: quota"].attributes["modelserver.quota.outcome"] == "taken"
    served = {span.span_id for span in receiver.of_trace(trace_id) if span.service == "metrics-service"}
    statements = [span for span in receiver.of_trace(trace_id) if "db.query.text" in span.attributes]
    assert statements
    assert all(span.attributes["db.system.name"] == "postgresql" for span in statements)
    assert all(span.parent_id in served for span in statements)


def test_no_trace_holds_a_text_of_a_client(stack: LocalStack, receiver: OtlpReceiver) -> None:
    trace_id, secret = "3" * 32, "nobody-may-read-this"
    stack.client.post("/predict", json={"text": secret}, headers=traceparent(trace_id)).raise_for_status()
    stack.client.get("/models/" + "x", params={"q": secret}, headers=traceparent(trace_id))
    receiver.wait_for(trace_id, "gateway: POST /predict", "prediction-service: commit")
    assert secret not in json.dumps([span.attributes for span in receiver.spans])


def test_what_is_refused_is_traced_as_what_it_is(stack: LocalStack, receiver: OtlpReceiver) -> None:
    trace_id = "4" * 32
    headers = traceparent(trace_id) | {"X-Forwarded-For": "203.0.113.77"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=30) as client:
        while client.post("/predict", json={"text": "a"}).status_code != 429:
            pass
    wait_until(
        lambda: any(
            span.attributes.get("modelserver.limit.outcome") == "refused" for span in receiver.of_trace(trace_id)
        ),
        "the refusal",
    )
    wait_until(
        lambda: any(span.attributes.get("http.response.status_code") == 429 for span in receiver.of_trace(trace_id)),
        "the response",
    )


def test_a_request_whose_caller_does_not_trace_leaves_none(stack: LocalStack, receiver: OtlpReceiver) -> None:
    unsampled, sampled = "5" * 32, "6" * 32
    for headers in (traceparent(unsampled, sampled=False), {}, traceparent(sampled)):
        stack.client.post("/predict", json={"text": "a"}, headers=headers).raise_for_status()
    receiver.wait_for(sampled, "gateway: POST /predict", "prediction-service: POST /predict")
    assert receiver.of_trace(unsampled) == []
    assert {span.trace_id for span in receiver.spans} <= {digit * 32 for digit in "12346"}


def test_lines_of_the_log_name_the_trace_whether_it_is_sampled_or_not(stack: LocalStack) -> None:
    for trace_id, sampled in (("7" * 32, True), ("8" * 32, False)):
        stack.client.post(
            "/predict", json={"text": "a"}, headers=traceparent(trace_id, sampled=sampled)
        ).raise_for_status()
        of_trace = re.compile(rf'"trace_id":"{trace_id}"')

        def services(pattern: re.Pattern[str] = of_trace) -> set[str]:
            lines = [line for line in list(stack.output) if pattern.search(line)]
            return {name for name in ("gateway", "prediction-service") if any(f'"{name}"' in line for line in lines)}

        wait_until(lambda: services() == {"gateway", "prediction-service"}, "the lines of both services")


def test_the_histogram_of_times_has_the_trace_as_its_exemplar(stack: LocalStack) -> None:
    trace_id = "9" * 32
    stack.client.post("/predict/batch", json={"texts": ["a"]}, headers=traceparent(trace_id)).raise_for_status()
    for number in (0, 1):
        families = text_string_to_metric_families(scrape(f"http://127.0.0.1:{stack.port + 10 + number}/metrics"))
        (times,) = [family for family in families if family.name == "http_request_duration_seconds"]
        exemplars = [sample.exemplar for sample in times.samples if sample.labels["route"] == "/predict/batch"]
        assert {exemplar.labels["trace_id"] for exemplar in exemplars if exemplar} == {trace_id}


@pytest.mark.parametrize(("name", "digit"), [("prediction_queue_seconds", "c"), ("prediction_inference_seconds", "d")])
def test_so_have_those_of_the_queue_and_of_the_model(stack: LocalStack, name: str, digit: str) -> None:
    trace_id = digit * 32
    stack.client.post("/predict", json={"text": "a"}, headers=traceparent(trace_id)).raise_for_status()
    families = text_string_to_metric_families(scrape(f"http://127.0.0.1:{stack.port + 11}/metrics"))
    (times,) = [family for family in families if family.name == name]
    of_model = [sample for sample in times.samples if sample.labels["model_name"] == "sentiment" and sample.exemplar]
    (last,) = [sample for sample in of_model if sample.exemplar.labels["trace_id"] == trace_id]
    assert 0 <= last.exemplar.value <= float(last.labels["le"])


def test_a_real_prometheus_keeps_them_for_the_panels_of_times(
    stack: LocalStack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    trace_id = "e" * 32
    with PrometheusServer(tmp_path_factory.mktemp("prometheus"), stack.port + 10) as prometheus:
        stack.client.post("/predict", json={"text": "a"}, headers=traceparent(trace_id)).raise_for_status()
        for name in ("http_request_duration_seconds", "prediction_queue_seconds", "prediction_inference_seconds"):
            wait_until(lambda name=name: trace_id in prometheus.exemplars(f"{name}_bucket"), f"the exemplar of {name}")


def test_without_its_receiver_everything_goes_on_and_it_is_said_once_until_it_is_back(
    stack: LocalStack, receiver: OtlpReceiver
) -> None:
    def said(words: str) -> int:
        return len([line for line in list(stack.output) if words in line and '"service":"gateway"' in line])

    away, back = "traces are lost: their receiver does not take them", "traces arrive again"
    receiver.takes = False
    for number in range(3):
        seen = receiver.requests
        response = stack.client.post("/predict", json={"text": "a"}, headers=traceparent(f"a{number}" * 16))
        assert response.status_code == 200
        wait_until(lambda seen=seen: receiver.requests > seen + 1, "both services to have tried")
    wait_until(lambda: said(away) == 1, "it to be said")
    receiver.takes = True
    stack.client.post("/predict", json={"text": "a"}, headers=traceparent("b" * 32)).raise_for_status()
    receiver.wait_for("b" * 32, "gateway: POST /predict", "prediction-service: commit")
    wait_until(lambda: said(back) == 1, "it to be said")
    assert said(away) == 1
