"""Compares the manifest's labels with those in the model's own files: they must not be in another order."""

import ast
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from prediction_service.batching.runtime import ModelError
from prediction_service.models.runtimes.hugging_face import MOST_BYTES, configurations, listed
from prediction_service.models.runtimes.onnx_graph import class_labels
from prediction_service.signature.signature import Instance

METADATA = ("id2label", "labels", "classes", "class_names", "names")
"""Keys of an ONNX file's metadata under which exporters store labels."""

CLASSIFIER = b"classlabels_"
"""A file without these bytes has no classifier of ai.onnx.ml, and is not parsed."""

CLEAR_LEAD = 1e-6
"""A row counts only if its highest number exceeds the second by this much."""


@runtime_checkable
class LabelledRuntime(Protocol):
    """A runtime that can be asked which of its numbers belongs to which label."""

    file: Path
    metadata: dict[str, str]
    """Of the file, as its exporter wrote it."""

    @property
    def names_labels(self) -> bool:
        """Whether the model itself says of each number to which of the manifest's labels it belongs."""
        ...

    def raw(self, instances: Sequence[Instance]) -> list[list[float]]:
        """The numbers of each instance, as the model gives them."""
        ...

    def choices(self, instances: Sequence[Instance]) -> list[str] | None:
        """The labels that the model itself chooses; None if it does not say."""
        ...


def check_order(labels: Sequence[str], folder: Path, file: Path, metadata: dict[str, str]) -> None:
    """Raises ModelError when one of the model's files has the manifest's labels in another order."""
    for source, own in own_labels(folder, file, metadata):
        if len(own) == len(labels) and misplaced(labels, own):
            raise ModelError(wrong_order(source, own))


def check_choices(rows: Sequence[Sequence[float]], choices: Sequence[str], labels: Sequence[str]) -> None:
    """Raises ModelError when the label that the model chooses is not the one with the highest number.

    By majority, since some classifiers do not always choose the label with the highest probability.
    """
    seen: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row, choice in zip(rows, choices, strict=True):
        first, second = sorted(row, reverse=True)[:2]
        if first - second > CLEAR_LEAD:
            seen[list(row).index(first)][choice] += 1
    places = {label.casefold(): place for place, label in enumerate(labels)}
    for index, chosen in seen.items():
        ((choice, _),) = chosen.most_common(1)
        if places.get(choice.casefold(), index) != index:
            raise ModelError(
                f"chooses {choice!r} where its number {index + 1} is the largest, which is {labels[index]!r} in the "
                "manifest: put the labels into the order of the model's numbers (scikit-learn: model.classes_)"
            )


def misplaced(labels: Sequence[str], own: Sequence[str]) -> bool:
    """Whether a label is at another position than in the model. Labels that the model does not have may be anywhere."""
    places = {label.casefold(): place for place, label in enumerate(own)}
    return any(places.get(label.casefold(), place) != place for place, label in enumerate(labels))


def wrong_order(source: str, own: Sequence[str]) -> str:
    """The message: what the manifest should say."""
    listed = json.dumps(list(own), ensure_ascii=False)
    return f"the labels stand in another order than in {source}; write labels = {listed}"


def own_labels(folder: Path, file: Path, metadata: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """Each place in the model's files that has labels, and the labels there."""
    for name, configuration in configurations(folder, file):
        if labels := listed(configuration.get("id2label")):
            yield f"id2label of {name}", labels
        elif labels := listed(inverted(configuration.get("label2id"))):
            yield f"label2id of {name}", labels
    for name in METADATA:
        if name in metadata and (labels := listed(parse_literal(metadata[name]))):
            yield f"the metadata {name} of {file.name}", labels
    content = file.read_bytes() if file.stat().st_size <= MOST_BYTES else b""
    if CLASSIFIER in content and (labels := class_labels(content) or []):
        yield f"the classifier of {file.name}", labels


def inverted(numbers: object) -> object:
    """A dict of label → number as number → label; None if it is not a dict, or has a number twice."""
    if not isinstance(numbers, dict):
        return None
    table = {str(number): label for label, number in numbers.items()}
    return table if len(table) == len(numbers) else None


def parse_literal(text: str) -> object:
    """The value of JSON or of a Python literal, as exporters write metadata; None if it is neither."""
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None
