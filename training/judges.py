"""What is evaluated: models as the service loads and runs them, and TextBlob."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from textblob import TextBlob
from tqdm import tqdm

from prediction_service.models.folders.manifest_file import read_manifest
from prediction_service.models.loader import warm_up
from prediction_service.models.runtimes.load import load_runtime
from training.labels import LABELS, NEGATIVE, NEUTRAL, POSITIVE
from training.metrics import Array


@dataclass(frozen=True, slots=True)
class Verdicts:
    """A judge's probabilities in the order of LABELS, and the time for each text in seconds."""

    probabilities: Array
    seconds: Array


@dataclass(frozen=True, slots=True)
class Judge:
    """Gives each label of one text a probability."""

    name: str
    probabilities: Callable[[str], Sequence[float]]
    gives_probabilities: bool = True

    def of(self, texts: Sequence[str]) -> Verdicts:
        """One text after the other, as requests come."""
        rows, seconds = [], []
        for text in tqdm(texts, desc=self.name, leave=False, disable=None):
            started = perf_counter()
            rows.append(self.probabilities(text))
            seconds.append(perf_counter() - started)
        return Verdicts(np.array(rows), np.array(seconds))


def served(name: str, folder: Path) -> Judge:
    """A model by the service's own code: manifest, runtime, warm-up."""
    manifest = read_manifest(folder)
    runtime = load_runtime(folder, manifest)
    warm_up(runtime, manifest)
    order = [manifest.labels.index(label) for label in LABELS]

    def probabilities(text: str) -> list[float]:
        (row,) = runtime.compute([text])
        return [row[index] for index in order]

    return Judge(name, probabilities)


def textblob() -> Judge:
    """Its polarity is above, at or below zero; it gives no probabilities."""

    def probabilities(text: str) -> list[float]:
        polarity = TextBlob(text).sentiment.polarity
        chosen = POSITIVE if polarity > 0 else NEGATIVE if polarity < 0 else NEUTRAL
        # With two classes, no opinion counts as negative, as for VADER.
        return [1.0 if index == chosen else 1e-9 if index == NEGATIVE else 0.0 for index in range(len(LABELS))]

    return Judge("TextBlob", probabilities, gives_probabilities=False)
