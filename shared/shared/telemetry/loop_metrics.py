"""Prometheus metrics that only the event loop changes, for what every request counts.

prometheus_client's own take a lock and check their arguments at each change, about 0.8 µs: five of them were a
fourteenth of what a refusal costs. These are plain numbers, read from another thread when somebody scrapes them.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import inf
from time import time
from typing import Any, ClassVar

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

Labels = tuple[str, ...]


class LoopCounter(Collector):
    """Counts by labels: `counter.by_labels[labels] += 1`."""

    family: ClassVar[type[CounterMetricFamily | GaugeMetricFamily]] = CounterMetricFamily

    def __init__(
        self, name: str, documentation: str, label_names: Sequence[str] = (), registry: CollectorRegistry = REGISTRY
    ) -> None:
        self.name, self.documentation, self.label_names = name, documentation, label_names
        self.by_labels: defaultdict[Labels, int] = defaultdict(int)
        if not label_names:
            self.by_labels[()] = 0
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """What a scrape sees."""
        family = self.family(self.name, self.documentation, labels=self.label_names)
        for labels, count in list(self.by_labels.items()):
            family.add_metric(labels, count)
        yield family


class LoopGauge(LoopCounter):
    """Numbers that go up and down."""

    family = GaugeMetricFamily


class LoopHistogram(Collector):
    """Values by labels. `buckets`: their upper bounds, ascending."""

    def __init__(
        self,
        name: str,
        documentation: str,
        label_names: Sequence[str],
        buckets: Sequence[float],
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self.name, self.documentation, self.label_names = name, documentation, label_names
        self.buckets = [*map(float, buckets), inf]
        self._counts: defaultdict[Labels, list[int]] = defaultdict(lambda: [0] * len(self.buckets))
        self._sums: defaultdict[Labels, float] = defaultdict(float)
        self._exemplars: dict[tuple[Labels, int], Exemplar] = {}
        registry.register(self)

    def begin(self, labels: Labels) -> None:
        """Shows these labels from now on, with no value yet."""
        self._counts[labels] = self._counts[labels]

    def observe(self, labels: Labels, value: float, times: int = 1, trace_id: str = "") -> None:
        """One more value; or so many, all the same. The last one of a bucket that has a trace is its exemplar."""
        bucket = bisect_left(self.buckets, value)
        self._counts[labels][bucket] += times
        self._sums[labels] += value * times
        if trace_id:
            self._exemplars[labels, bucket] = Exemplar({"trace_id": trace_id}, value, time())

    def exemplify(self, labels: Labels, value: float, trace_id: str) -> None:
        """Makes a value that was observed before the exemplar of its bucket; an empty bucket has none."""
        bucket = bisect_left(self.buckets, value)
        if labels in self._counts and self._counts[labels][bucket]:
            self._exemplars[labels, bucket] = Exemplar({"trace_id": trace_id}, value, time())

    def collect(self) -> Iterable[Metric]:
        """What a scrape sees."""
        family = HistogramMetricFamily(self.name, self.documentation, labels=self.label_names)
        bounds = [*map(str, self.buckets[:-1]), "+Inf"]
        for labels, counts in list(self._counts.items()):
            exemplars: list[Any] = [self._exemplars.get((labels, bucket)) for bucket in range(len(bounds))]
            family.add_metric(labels, list(zip(bounds, accumulate(counts), exemplars, strict=True)), self._sums[labels])
        yield family
