"""What a session says about texts: of each window first, then of the text as a whole."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.manifest import WITHOUT_LABELS, Manifest
from prediction_service.models.folders.runtime_options import OnnxOptions
from prediction_service.models.runtimes.activations import Array, softmax
from prediction_service.models.runtimes.combining import averaged, combined_logits, combined_probabilities, surest
from prediction_service.models.runtimes.entities import marked, spans
from prediction_service.models.runtimes.hugging_face import pooling_of, token_labels
from prediction_service.models.runtimes.onnx_output import NUMBERS
from prediction_service.models.runtimes.onnx_results import EmbeddingResults, Results, Rows, only_output, results_for
from prediction_service.models.runtimes.onnx_session import told
from prediction_service.models.runtimes.pooling import Pooling, pooled
from prediction_service.tasks.classification import SUM_TOLERANCE
from prediction_service.tasks.task import Output

Merge = Callable[[Sequence[Any], Sequence[Any]], Any]
"""From what is said of a text's windows, and the windows, to what is said of the text."""

OF_TOKENS = 3
"""Dimensions of an output with several numbers for each token: texts, tokens, numbers."""


class TextResults(Protocol):
    """What is asked of a session, and what is made of it."""

    names: list[str]
    """The graph's outputs that are needed."""

    def rows(self, values: Sequence[Any], windows: Sequence[Any]) -> Rows:
        """What the model says of each window, as it was filled up. Raises ModelError for values that are none."""
        ...

    def outputs(self, texts: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> Sequence[Output]:
        """The outputs of texts, of which rows and windows are given."""
        ...


def text_results_for(
    nodes: Sequence[Any], manifest: Manifest, settings: OnnxOptions, folder: Path, file: Path
) -> TextResults:
    """By the manifest's task. Raises ModelError where the graph has no output for it."""
    if settings.entities:
        return EntityResults(nodes, settings, token_labels(folder, file))
    if settings.pooling in {"mean", "cls"}:
        return PooledResults(tokens_output(nodes, settings), settings)
    results = results_for(nodes, manifest, settings)
    if isinstance(results, EmbeddingResults):
        check_pooling(results.name, nodes, folder)
    if manifest.task_type == "generic" and settings.long_texts == "windows":
        raise ModelError('long_texts = "windows" needs numbers that can be averaged; say "cut", or entities = true')
    if manifest.task_type == "multilabel":
        return WindowResults(results, surest)
    if manifest.task_type in WITHOUT_LABELS:
        return WindowResults(results, averaged)
    return WindowResults(results, combined_logits if settings.softmax else combined_probabilities)


def tokens_output(nodes: Sequence[Any], settings: OnnxOptions) -> list[Any]:
    """The output with a vector for each token, alone. Raises ModelError."""
    able = [node for node in nodes if node.type in NUMBERS and len(node.shape) in {0, OF_TOKENS}]
    name = only_output(able, settings.output, lambda node: True) if able else ""
    if not able:
        raise ModelError(f"pooling needs a vector for each token, [n, tokens, numbers]; the model gives {told(nodes)}")
    return [node for node in able if node.name == name]


def check_pooling(name: str, nodes: Sequence[Any], folder: Path) -> None:
    """Raises ModelError for an output with a vector for each token, without a way to make them one."""
    if any(node.name == name and len(node.shape) == OF_TOKENS for node in nodes):
        way = pooling_of(folder)
        advice = f'pooling = "{way}" (as 1_Pooling/config.json has it)' if way else 'pooling = "mean" or "cls"'
        raise ModelError(f"output {name} has a vector for each token; say {advice} in [runtime], as it was trained")


class WindowResults:
    """Any task's own, window by window; `merge` makes those of a long text one."""

    def __init__(self, results: Results, merge: Merge) -> None:
        self.results, self._merge = results, merge
        self.names = results.names

    def rows(self, values: Sequence[Any], windows: Sequence[Any]) -> Rows:
        """See TextResults."""
        return self.results.rows(values, len(windows))

    def outputs(self, texts: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> Sequence[Output]:
        """See TextResults."""
        merged = [rows[0] if len(rows) == 1 else self._merge(rows, windows) for rows, windows in texts]
        return self.results.outputs(merged)


class PooledResults(WindowResults):
    """A vector for each token becomes one for the window."""

    def __init__(self, nodes: Sequence[Any], settings: OnnxOptions) -> None:
        super().__init__(EmbeddingResults(nodes, settings), averaged)
        self._pooling: Pooling = "cls" if settings.pooling == "cls" else "mean"

    def rows(self, values: Sequence[Any], windows: Sequence[Any]) -> Rows:
        """See TextResults."""
        vectors = np.asarray(values[0])[: len(windows)]
        return super().rows([pooled(vectors, mask_of(vectors, windows, self.names[0]), self._pooling)], windows)


class EntityResults:
    """A label for each token becomes spans of the text: the output `entities`."""

    def __init__(self, nodes: Sequence[Any], settings: OnnxOptions, labels: Sequence[str]) -> None:
        if not labels:
            raise ModelError("entities = true needs a config.json beside the model, whose id2label names the labels")
        self._name = only_output(nodes, settings.output, lambda node: node.type in NUMBERS)
        self.names = [self._name]
        self._labels, self._softmax = labels, settings.softmax

    def rows(self, values: Sequence[Any], windows: Sequence[Any]) -> Sequence[Array]:
        """Of each window the probabilities of its tokens, without padding."""
        given = np.asarray(values[0])[: len(windows)].astype(np.float64)
        mask = mask_of(given, windows, self._name)
        if given.shape[2] != len(self._labels):
            raise ModelError(
                f"output {self._name} has {given.shape[2]} numbers for each token, and id2label of config.json has "
                f"{len(self._labels)} labels"
            )
        return [self._probabilities(row[own]) for row, own in zip(given, mask, strict=True)]

    def _probabilities(self, tokens: Array) -> Array:
        """A row for each token. Raises ModelError for what is none."""
        rows = softmax(tokens) if self._softmax else tokens
        if not (np.abs(rows.sum(axis=1) - 1.0) <= SUM_TOLERANCE).all() or rows.min(initial=0.0) < -SUM_TOLERANCE:
            advice = "" if self._softmax else "; if these are logits, say softmax = true in [runtime]"
            raise ModelError(f"output {self._name} gives a token no probabilities: they do not add up to 1{advice}")
        return np.asarray(rows)

    def outputs(self, texts: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> Sequence[Output]:
        """See TextResults."""
        return [{"entities": spans(windows[0].text, marked(rows, windows, self._labels))} for rows, windows in texts]


def mask_of(values: Array, windows: Sequence[Any], name: str) -> Array:
    """Which tokens are no padding. Raises ModelError for an output that has not a row of numbers for each token."""
    if windows and isinstance(windows[0], str):
        raise ModelError(f"output {name} is for every token, and the model takes texts: it needs token ids")
    mask = np.array([window.attention_mask for window in windows], dtype=np.bool_)
    if values.ndim != OF_TOKENS or values.shape[:2] != mask.shape:
        raise ModelError(
            f"output {name} has the shape {list(values.shape)} for {mask.shape[0]} texts of {mask.shape[1]} tokens, "
            "which is not a row of numbers for each token"
        )
    return mask
