"""Checks with texts of many kinds whether a model computes what its manifest promises. Errors are for its author."""

from collections.abc import Sequence
from math import isfinite

from prediction_service.batching.outputs import NotProbabilities, checked
from prediction_service.batching.runtime import ModelError, Runtime
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.trials.texts import LONG, SHORT

BATCH_TOLERANCE = 1e-5
"""How much the probability of a text may differ between a call of its own and a batch. Dynamic int8 quantization
differs by much more: its scale depends on the whole batch."""

MOST_LONG_ROWS = 64
"""Most of the longest texts that are tried in one call, to find out whether there is memory for it."""

Row = Sequence[float]


class NotComputedError(ModelError):
    """The model cannot compute this text; it may compute others."""


def examine(
    runtime: Runtime, manifest: Manifest, texts: Sequence[str] = SHORT, long: Sequence[str] = LONG
) -> dict[str, Row]:
    """Text → probabilities, for the texts that the model can compute. Raises ModelError, with what to do about it.

    The result for a text must be valid, and the same alone as in a batch. A model may fail for some texts (another
    script, no word at all): requests with such texts get an error. If it fails for more than half, it is not usable.
    """
    if len(manifest.labels) < 2:
        raise ModelError("has one label, which would be the answer to everything; a classification has two or more")
    alone = compute_each(runtime, manifest, texts)
    if manifest.batching.max_rows > 1:
        check_batches(runtime, manifest, list(alone), list(alone.values()))
    compute_each(runtime, manifest, long)
    if long and (rows := largest_call(manifest)) > 1:
        rows_of(runtime, [long[0]] * rows, manifest)
    return alone


def largest_call(manifest: Manifest) -> int:
    """How many of the longest texts make the call that needs most memory; one, if it is computed in windows."""
    alone = manifest.runtime.kind != "onnx" or manifest.runtime.long_texts == "windows"
    return 1 if alone else min(manifest.batching.max_rows, MOST_LONG_ROWS)


def compute_each(runtime: Runtime, manifest: Manifest, texts: Sequence[str]) -> dict[str, Row]:
    """Text → probabilities, one call for each. Raises ModelError when more than half cannot be computed."""
    rows, failures = {}, []
    for text in texts:
        try:
            (rows[text],) = rows_of(runtime, [text], manifest)
        except NotComputedError as error:
            failures.append(error)
    if len(failures) * 2 > len(texts):
        raise failures[0]
    return rows


def check_batches(runtime: Runtime, manifest: Manifest, texts: Sequence[str], alone: Sequence[Row]) -> None:
    """Raises ModelError if a text has another result in a batch of the largest size than alone."""
    size = manifest.batching.max_rows
    for start in range(0, len(texts), size):
        try:
            rows = rows_of(runtime, texts[start : start + size], manifest)
        except NotComputedError as error:
            raise ModelError(f"computes texts alone only: {error}; say max_rows = 1 in [batching]") from error
        if not same(alone[start : start + size], rows):
            raise ModelError(
                "says something else about a text in company than alone; if that must be, say max_rows = 1"
            )


def rows_of(runtime: Runtime, texts: Sequence[str], manifest: Manifest) -> list[Row]:
    """One call of the model. Raises ModelError for an invalid result, NotComputedError if there is none."""
    try:
        raw = runtime.probabilities(texts)
        rows = checked(raw, len(texts))
    except ModelError:
        raise
    except Exception as error:  # a model may raise anything
        raise NotComputedError(
            f"does not compute {shortened(texts[0])!r}: {' '.join(str(error).split())[:300]}"
        ) from error
    if len(raw[0]) != len(manifest.labels):
        raise ModelError(wrong_number(len(raw[0]), len(manifest.labels)))
    for text, row, numbers in zip(texts, rows, raw, strict=True):
        if isinstance(row, NotProbabilities):
            message = f"gives no probabilities for {shortened(text)!r}: {row}"
            if not all(map(isfinite, numbers)):
                raise NotComputedError(f"{message}; the model itself gives NaN or infinity")
            raise ModelError(message + advice(numbers))
    return [row for row in rows if not isinstance(row, NotProbabilities)]


def wrong_number(given: int, labels: int) -> str:
    """What to do when a row has another length than the list of labels."""
    if given == 1:
        return (
            f"gives one number for each text and has {labels} labels: that is a regression, or one class's score (a "
            "sigmoid); export it with one output per class, such as scikit-learn's predict_proba or a last layer of as "
            "many units as classes"
        )
    return f"gives {given} probabilities for {labels} labels"


def advice(row: Row) -> str:
    """What to do about a row that is not probabilities."""
    if min(row) < 0.0 or max(row) > 1.0:
        return "; if these are logits (no softmax in the model), say softmax = true in [runtime]"
    return (
        "; if these are logits, say softmax = true; if another output has probabilities, name it in runtime.output; "
        "a model whose labels are each a yes or no of its own (sigmoid) cannot be served: one label of several can"
    )


def same(rows: Sequence[Row], others: Sequence[Row]) -> bool:
    """Whether all probabilities are equal within BATCH_TOLERANCE."""
    return all(
        abs(one - other) <= BATCH_TOLERANCE
        for row, other_row in zip(rows, others, strict=True)
        for one, other in zip(row, other_row, strict=True)
    )


def check_no_softmax_over_probabilities(raw: Sequence[Row]) -> None:
    """Raises ModelError when the manifest says softmax = true and the model's output is probabilities already."""
    if raw and not any(isinstance(row, NotProbabilities) for row in checked(raw, len(raw))):
        raise ModelError(
            "gives numbers that add up to 1 for every text: these are probabilities already, and softmax = true would "
            "make them all nearly alike; leave softmax out"
        )


def shortened(text: str) -> str:
    """The beginning of a text."""
    return text if len(text) <= 40 else f"{text[:40]}…"
