"""Metrics of the event loop look to a scraper like the library's own."""

from collections.abc import Iterator

import pytest
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    enable_created_metrics,
    generate_latest,
)

from shared.telemetry.loop_metrics import LoopCounter, LoopGauge, LoopHistogram

BUCKETS = (0.1, 1, 2.5)
VALUES = (0.05, 0.1, 0.2, 1.0, 7.0)


@pytest.fixture(autouse=True)
def without_times_of_creation() -> Iterator[None]:
    """The library's metrics say when each began; ours do not."""
    disable_created_metrics()
    yield
    enable_created_metrics()


def test_they_are_written_as_the_librarys_are() -> None:
    ours, library = CollectorRegistry(), CollectorRegistry()

    LoopCounter("answers", "Answers", ["route", "status"], ours).by_labels["/predict", "200"] += 3
    Counter("answers", "Answers", ["route", "status"], registry=library).labels("/predict", "200").inc(3)

    LoopGauge("in_flight", "In flight", registry=ours).by_labels[()] += 2
    Gauge("in_flight", "In flight", registry=library).set(2)

    loop_histogram = LoopHistogram("seconds", "Seconds", ["route", "method"], BUCKETS, ours)
    histogram = Histogram("seconds", "Seconds", ["route", "method"], buckets=BUCKETS, registry=library)
    for value in VALUES:
        loop_histogram.observe(("/predict", "POST"), value)
        histogram.labels("/predict", "POST").observe(value)
    loop_histogram.observe(("/predict", "POST"), 0.5, times=3)
    for _ in range(3):
        histogram.labels("/predict", "POST").observe(0.5)
    loop_histogram.begin(("/models", "GET"))
    histogram.labels("/models", "GET")

    assert generate_latest(ours) == generate_latest(library)


def test_a_number_without_labels_is_there_from_the_start() -> None:
    registry = CollectorRegistry()
    LoopGauge("in_flight", "In flight", registry=registry)
    assert b"in_flight 0.0" in generate_latest(registry)
