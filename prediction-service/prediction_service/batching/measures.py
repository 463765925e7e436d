"""Measurements of one model: Prometheus histograms, and the counts for the statistics of the inference protocol."""

from collections.abc import Sequence
from time import time

from prometheus_client import Histogram

from prediction_service.batching.counts import Statistics
from prediction_service.batching.job import Outcome
from prediction_service.batching.labels import MODEL, labels_of
from prediction_service.batching.problems import ModelFailed

BATCH_ROWS = Histogram(
    "prediction_batch_rows",
    "Texts, or windows of long ones, per call of a model",
    MODEL,
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
QUEUE_SECONDS = Histogram(
    "prediction_queue_seconds",
    "From a text's arrival to the model's call",
    MODEL,
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
INFERENCE_SECONDS = Histogram(
    "prediction_inference_seconds",
    "A model's call",
    MODEL,
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)


class Measures:
    """Measurements of the model `name/version`; used on the event loop only."""

    def __init__(self, name: str) -> None:
        self.statistics = Statistics()
        labels = labels_of(name)
        self._batch_rows = BATCH_ROWS.labels(*labels)
        self._queue_seconds, self._inference_seconds = QUEUE_SECONDS.labels(*labels), INFERENCE_SECONDS.labels(*labels)

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
        self.statistics.inference.add(max(outcome.inference_seconds for outcome in outcomes))

    def text_waited(self, seconds: float) -> None:
        """Observes the time from a text's arrival to the first call for it."""
        self._queue_seconds.observe(seconds)

    def model_called(self, rows: int, seconds: float) -> None:
        """Counts a call of the model."""
        self.statistics.batches[rows].add(seconds)
        self._batch_rows.observe(rows)
        self._inference_seconds.observe(seconds)
