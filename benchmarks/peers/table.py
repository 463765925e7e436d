"""The scikit-learn model of examples/churn, for servers whose documentation says: load it, and call it yourself.

`churn.joblib` lies in the folder in which the server was started.
"""

from typing import Any

import joblib
import pandas

Row = dict[str, Any]
Answer = dict[str, Any]


class Table:
    """Loaded when it is made."""

    def __init__(self) -> None:
        self.model = joblib.load("churn.joblib")

    def answer(self, rows: list[Row]) -> list[Answer]:
        """What is said about each row."""
        said = self.model.predict_proba(pandas.DataFrame(rows)).tolist()
        return [self._answer(row) for row in said]

    def _answer(self, probabilities: list[float]) -> Answer:
        scores = dict(zip(self.model.classes_.tolist(), probabilities, strict=True))
        label = max(scores, key=scores.__getitem__)
        return {"label": label, "confidence": scores[label], "scores": scores}
