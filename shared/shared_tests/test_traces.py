"""Traces: which requests are traced, whose trace it is, and how spans reach their receiver or do not."""

import io
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    ParentBased,
    ParentBasedTraceIdRatio,
    TraceIdRatioBased,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_fd_to_metric_families

from shared.processes.waiting import wait_until
from shared.telemetry.loop_metrics import LoopHistogram
from shared.testing.otlp_receiver import OtlpReceiver
from shared.tracing import context, export
from shared.tracing.context import begin_trace, current_trace_id, traceparent, tracing
from shared.tracing.export import SpanQueue
from shared.tracing.otlp import OtlpSender
from shared.tracing.sampler import Sampler, SamplerName
from shared.tracing.span import Span, current_span, span, spans

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PROPAGATOR = TraceContextTextMapPropagator()
IDS = st.integers(1, (1 << 128) - 1).map(lambda number: f"{number:032x}")
THEIRS = {
    SamplerName.ALWAYS_ON: lambda share: ALWAYS_ON,
    SamplerName.ALWAYS_OFF: lambda share: ALWAYS_OFF,
    SamplerName.TRACE_ID_RATIO: TraceIdRatioBased,
    SamplerName.PARENT_BASED_ALWAYS_ON: lambda share: DEFAULT_ON,
    SamplerName.PARENT_BASED_ALWAYS_OFF: lambda share: DEFAULT_OFF,
    SamplerName.PARENT_BASED_TRACE_ID_RATIO: ParentBasedTraceIdRatio,
}
"""OpenTelemetry's own samplers by the standard's names."""


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Span]]:
    """Spans that have ended, of a process that traces every request unless its caller says otherwise."""
    found: list[Span] = []
    monkeypatch.setattr(tracing, "sampler", Sampler.of(SamplerName.PARENT_BASED_ALWAYS_ON, 1))
    monkeypatch.setattr(spans, "put", found.append)
    yield found
    current_span.set(None)
    context._passed_on.set("")


@given(
    name=st.sampled_from(SamplerName), share=st.floats(0, 1), trace_id=IDS, parent=st.sampled_from([None, True, False])
)
def test_a_request_is_sampled_exactly_when_opentelemetrys_own_sampler_would(
    name: SamplerName, share: float, trace_id: str, parent: bool | None
) -> None:
    asked = None
    if parent is not None:
        flags = TraceFlags(TraceFlags.SAMPLED if parent else TraceFlags.DEFAULT)
        asked = set_span_in_context(
            NonRecordingSpan(SpanContext(int(trace_id, 16), 1, is_remote=True, trace_flags=flags))
        )
    theirs = THEIRS[name](share).should_sample(asked, int(trace_id, 16), "span")
    assert Sampler.of(name, share).samples(trace_id, parent=parent) == theirs.decision.is_sampled()


def test_every_sampler_is_compared() -> None:
    assert set(THEIRS) == set(SamplerName)
    assert isinstance(DEFAULT_ON, ParentBased)


@given(version=st.sampled_from(["00", "01", "cc", "ff"]), trace_id=IDS | st.just("0" * 32),
       span_id=st.sampled_from([PARENT, "0" * 16]), flags=st.integers(0, 255))  # fmt: skip
def test_a_traceparent_is_believed_when_opentelemetry_believes_it(
    version: str, trace_id: str, span_id: str, flags: int
) -> None:
    header = f"{version}-{trace_id}-{span_id}-{flags:02x}"
    theirs = get_current_span(PROPAGATOR.extract({"traceparent": header})).get_span_context()
    ours = context.parent_of(header)
    assert (ours is not None) == theirs.is_valid
    if ours is not None:
        assert (int(ours.trace_id, 16), int(ours.span_id, 16)) == (theirs.trace_id, theirs.span_id)
        assert ours.is_sampled == theirs.trace_flags.sampled


def test_a_sampled_request_is_a_child_of_who_asked_and_the_parent_of_what_it_asks(ended: list[Span]) -> None:
    served = begin_trace(f"00-{TRACE}-{PARENT}-01".encode())
    assert served is not None
    assert (served.trace_id, served.parent_id, current_trace_id()) == (TRACE, PARENT, TRACE)
    assert traceparent() == f"00-{TRACE}-{served.span_id}-01"
    with span("inner") as inner:
        assert isinstance(inner, Span)
        assert traceparent() == f"00-{TRACE}-{inner.span_id}-01"
    assert traceparent() == f"00-{TRACE}-{served.span_id}-01"
    assert [(one.name, one.parent_id) for one in ended] == [("inner", served.span_id)]
    assert ended[0].start_ns <= ended[0].end_ns


def test_one_that_is_not_sampled_has_no_spans_and_says_so_to_others(ended: list[Span]) -> None:
    assert begin_trace(f"00-{TRACE}-{PARENT}-00".encode()) is None
    with span("inner") as inner:
        assert not inner
        inner.set("is", "ignored")
    assert ended == []
    assert traceparent() == f"00-{TRACE}-{PARENT}-00"


def test_a_request_that_belongs_to_no_trace_begins_one(ended: list[Span]) -> None:
    for header in (None, b"nonsense", f"00-{'0' * 32}-{PARENT}-01".encode()):
        served = begin_trace(header)
        assert served is not None
        assert served.parent_id == ""
        assert current_trace_id() == served.trace_id
    assert get_current_span(PROPAGATOR.extract({"traceparent": traceparent()})).get_span_context().is_valid


def test_services_behind_do_not_decide_again_about_a_request_that_was_not_chosen(
    ended: list[Span], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "sampler", Sampler.of(SamplerName.PARENT_BASED_TRACE_ID_RATIO, 0))
    assert begin_trace(None) is None
    theirs = get_current_span(PROPAGATOR.extract({"traceparent": traceparent()})).get_span_context()
    assert theirs.is_valid
    assert not theirs.trace_flags.sampled
    assert current_trace_id() == f"{theirs.trace_id:032x}"


def test_without_traces_a_header_is_passed_on_as_it_came_and_named_in_the_log() -> None:
    header = f"00-{TRACE}-{PARENT}-01"
    assert tracing.sampler is None
    assert begin_trace(header.encode()) is None
    assert (traceparent(), current_trace_id()) == (header, TRACE)
    begin_trace(None)
    assert (traceparent(), current_trace_id()) == ("", "")


def test_what_went_wrong_is_told_by_its_kind_and_not_by_its_words(ended: list[Span]) -> None:
    begin_trace(None)
    with pytest.raises(ValueError, match="secret"), span("inner"):
        raise ValueError("a secret text")
    assert ended[0].error == "ValueError"


def test_spans_arrive_with_times_kinds_attributes_and_errors() -> None:
    with OtlpReceiver() as receiver:
        root = Span("GET /x", TRACE, "", is_server=True)
        inner = root.child("ask", is_client=True)
        for name, value in (("text", "a"), ("yes", True), ("count", 3), ("share", 0.5)):
            inner.set(name, value)
        inner.fail(TimeoutError())
        inner.end()
        root.end()
        assert OtlpSender(receiver.url + "/", "a-service", "1.2.3").send([inner, root])
    got, whole = receiver.spans
    assert (got.service, got.name, got.trace_id, got.span_id) == ("a-service", "ask", TRACE, inner.span_id)
    assert (got.parent_id, got.kind, got.is_error) == (root.span_id, 3, True)  # 3: CLIENT
    assert got.attributes == {"text": "a", "yes": True, "count": 3, "share": 0.5, "error.type": "TimeoutError"}
    assert (got.start_ns, got.end_ns) == (inner.start_ns, inner.end_ns)
    assert (whole.parent_id, whole.kind, whole.is_error) == ("", 2, False)  # 2: SERVER


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("tracing_spans_total", {"outcome": outcome}) or 0.0


def test_more_than_can_wait_is_dropped_and_counted_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, before = threading.Event(), counted("dropped")
    monkeypatch.setattr(export, "MOST_WAITING", 10)
    monkeypatch.setattr(export, "PAUSE_SECONDS", 0.01)
    sent: list[Span] = []

    def send(batch) -> bool:
        gate.wait(20)
        sent.extend(batch)
        return True

    queue = SpanQueue(send)
    queue.start()
    queue.put(Span("first", TRACE, ""))
    wait_until(lambda: not queue._waiting, "the first to be under way")
    for _ in range(15):
        queue.put(Span("more", TRACE, ""))
    assert counted("dropped") - before == 5
    gate.set()
    queue.close()
    assert len(sent) == 11


def test_a_receiver_that_is_away_is_said_once_and_so_is_that_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []

    class Log:
        warning = info = staticmethod(lambda event, **_: said.append(event))
        debug = staticmethod(lambda event, **_: None)

    monkeypatch.setattr(export, "log", Log)
    monkeypatch.setattr(export, "PAUSE_SECONDS", 0.01)
    export.quiet_the_library()
    lost, sent = counted("lost"), counted("sent")
    with OtlpReceiver() as receiver:
        queue = SpanQueue(OtlpSender(receiver.url, "a-service", "1.2.3").send)
        queue.start()
        receiver.takes = False
        for number in (1, 2, 3):
            queue.put(Span("x", TRACE, "").child("y"))
            wait_until(lambda n=number: counted("lost") - lost == n, "it to be lost")
        assert said == ["traces are lost: their receiver does not take them"]
        receiver.takes = True
        late = Span("late", TRACE, "")
        late.end_ns = late.start_ns
        queue.put(late)
        wait_until(lambda: counted("sent") - sent == 1, "it to be sent")
        queue.close()
    assert said[1:] == ["traces arrive again"]
    assert [one.name for one in receiver.spans] == ["late"]


def test_a_sender_that_raises_loses_its_spans_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAUSE_SECONDS", 0.01)
    before = counted("lost")

    def send(batch) -> bool:
        raise RuntimeError("whatever a library raises")

    queue = SpanQueue(send)
    queue.start()
    for number in (1, 2):
        queue.put(Span("x", TRACE, ""))
        wait_until(lambda n=number: counted("lost") - before == n, "it to be lost")
    queue.close()


def test_the_last_value_of_a_bucket_that_has_a_trace_is_its_exemplar() -> None:
    registry = CollectorRegistry()
    histogram = LoopHistogram("seconds", "Of something", ["route"], (0.1, 1), registry)
    histogram.observe(("/a",), 0.05)
    histogram.observe(("/a",), 0.5, trace_id="1" * 32)
    histogram.observe(("/a",), 0.6, trace_id=TRACE)
    histogram.observe(("/a",), 0.7)
    (family,) = text_fd_to_metric_families(io.StringIO(generate_latest(registry).decode()))
    exemplars = {one.labels["le"]: one.exemplar for one in family.samples if "le" in one.labels}
    assert exemplars["0.1"] is exemplars["+Inf"] is None
    assert (exemplars["1.0"].labels, exemplars["1.0"].value) == ({"trace_id": TRACE}, 0.6)


def test_only_what_was_observed_can_be_an_exemplar_afterwards() -> None:
    registry = CollectorRegistry()
    histogram = LoopHistogram("seconds", "Of something", ["route"], (0.1, 1), registry)
    histogram.observe(("/a",), 0.5)
    for value in (0.05, 0.4, 5):
        histogram.exemplify(("/a",), value, TRACE)
    histogram.exemplify(("/b",), 0.4, TRACE)
    (family,) = text_fd_to_metric_families(io.StringIO(generate_latest(registry).decode()))
    exemplars = {one.labels["le"]: one.exemplar for one in family.samples if "le" in one.labels}
    assert exemplars["0.1"] is exemplars["+Inf"] is None
    assert (exemplars["1.0"].labels, exemplars["1.0"].value) == ({"trace_id": TRACE}, 0.4)
    assert {one.labels["route"] for one in family.samples} == {"/a"}


def test_who_does_not_trace_does_not_load_the_sdk() -> None:
    code = "import sys, shared.service.assembly; print([name for name in sys.modules if 'opentelemetry.sdk' in name])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
