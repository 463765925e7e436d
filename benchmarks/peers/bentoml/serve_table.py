"""`bentoml serve serve_table:Churn`, as BentoML's documentation says."""

import bentoml
from model import workers
from table import Answer, Row, Table


@bentoml.service(workers=workers())
class Churn:
    """One model per worker."""

    def __init__(self) -> None:
        self.table = Table()

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000)
    def predict(self, rows: list[Row]) -> list[Answer]:
        """Rows of several requests."""
        return self.table.answer(rows)
