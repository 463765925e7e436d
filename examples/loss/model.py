"""What may a customer cost us in a year? The fee, times the chance to leave, times how annoyed the message is."""

import numpy as np
from onnxruntime import InferenceSession


class Model:
    """Two other models' files, and a formula over what they say."""

    def __init__(self, folder):
        self.churn, self.topics = (InferenceSession(f"{folder}/{name}.onnx") for name in ("churn", "topics"))

    def predict(self, rows):
        def column(name, dtype):
            return np.array([[row[name]] for row in rows], dtype)

        numbers = {
            name.replace(" ", "_"): column(name, np.float32) for name in ("age", "monthly fee", "calls", "months")
        }
        words = {name: column(name, object) for name in ("plan", "city")}
        leaves = self.churn.run(["probabilities"], numbers | words)[0][:, 0]
        service = self.topics.run(["probabilities"], {"text": column("text", object)})[0][:, 3]
        return 12 * column("monthly fee", float)[:, 0] * leaves * (1 + service)
