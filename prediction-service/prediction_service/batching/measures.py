"""Measurements of one model: Prometheus histograms, and the counts for the statistics of the inference protocol."""

from collections.abc import Sequence
from time import time

from prediction_service.batching.counts import Statistics
from prediction_service.batching.job import Outcome
from prediction_service.batching.labels import MODEL, labels_of
from prediction_service.batching.problems import ModelFailed
from shared.telemetry.loop_metrics import LoopCounter, LoopGauge, LoopHistogram

BATCH_ROWS = LoopHistogram(
    "prediction_batch_rows",
    "Texts, or windows of long ones, per call of a model",
    MODEL,
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
QUEUE_SECONDS = LoopHistogram(
    "prediction_queue_seconds",
    "From a text's arrival to the model's call",
    MODEL,
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
INFERENCE_SECONDS = LoopHistogram(
    "prediction_inference_seconds",
    "A model's call",
    MODEL,
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
CACHE_HITS = LoopCounter("prediction_cache_hits", "Texts or rows that a model's cache spared it", MODEL)
CACHE_MISSES = LoopCounter("prediction_cache_misses", "Texts or rows that a model with a cache had to compute", MODEL)
CACHE_ROWS = LoopGauge("prediction_cache_rows", "Texts or rows in a model's cache", MODEL)
CACHE_BYTES = LoopGauge("prediction_cache_bytes", "Memory that a model's cache takes", MODEL)


class Measures:
    """Measurements of the model `name/version`; used on the event loop only."""

    def __init__(self, name: str) -> None:
        self.statistics = Statistics()
        self._labels = labels_of(name)
        for histogram in (BATCH_ROWS, QUEUE_SECONDS, INFERENCE_SECONDS):
            histogram.begin(self._labels)

    def request_failed(self, seconds: float) -> None:
        """Counts a request that was refused, or failed as a whole."""
        self.statistics.fail.add(seconds)

    def request_computed(self, results: Sequence[Outcome | ModelFailed], seconds: float) -> None:
        """Counts a request of which some, all or no texts could be computed."""
        outcomes = [outcome for outcome in results if isinstance(outcome, Outcome)]
        if not outcomes:
            self.request_failed(seconds)
            return
        self.statistics.last_request = time()
        self.statistics.texts += len(outcomes)
        self.statistics.success.add(seconds)
        self.statistics.queue.add(max(outcome.queue_seconds for outcome in outcomes))
        if called := max(outcome.inference_seconds for outcome in outcomes):  # 0: all of them came from the cache
            self.statistics.inference.add(called)

    def rows_spared(self, rows: int, looking: float) -> None:
        """Counts rows of a request that the model's cache spared it, each found after so many seconds."""
        CACHE_HITS.by_labels[self._labels] += rows
        self.statistics.cache_hit.add(looking * rows, rows)

    def rows_computed(self, rows: int, looking: float) -> None:
        """Counts rows that a model with a cache computed, each looked for in vain for so many seconds."""
        CACHE_MISSES.by_labels[self._labels] += rows
        self.statistics.cache_miss.add(looking * rows, rows)

    def cache_changed(self, rows: int, size: int) -> None:
        """So many rows and bytes are in the model's cache besides those that were told before, or less."""
        CACHE_ROWS.by_labels[self._labels] += rows
        CACHE_BYTES.by_labels[self._labels] += size

    def texts_waited(self, seconds: float, texts: int) -> None:
        """Observes the time from the arrival of some texts to the first call for them."""
        QUEUE_SECONDS.observe(self._labels, seconds, texts)

    def traced(self, outcome: Outcome, trace_id: str) -> None:
        """Makes what an outcome had to wait for the exemplars of their buckets: this trace shows it."""
        QUEUE_SECONDS.exemplify(self._labels, outcome.queue_seconds, trace_id)
        INFERENCE_SECONDS.exemplify(self._labels, outcome.inference_seconds, trace_id)

    def model_called(self, rows: int, seconds: float) -> None:
        """Counts a call of the model."""
        self.statistics.batches[rows].add(seconds)
        BATCH_ROWS.observe(self._labels, rows)
        INFERENCE_SECONDS.observe(self._labels, seconds)
