"""`bentoml serve serve:Sentiment`, as BentoML's documentation says."""

import bentoml
from model import Answer, Model, batched, workers


@bentoml.service(workers=workers())
class Sentiment:
    """One model per worker."""

    def __init__(self) -> None:
        self.model = Model()

    @bentoml.api(batchable=batched(), max_batch_size=64, max_latency_ms=1000)
    def predict(self, texts: list[str]) -> list[Answer]:
        """Texts of several requests when batching is on."""
        return self.model.answer(texts)
