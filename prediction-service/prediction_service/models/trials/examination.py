"""Checks with many kinds of instances whether a model computes what its manifest says. Errors are for its author."""

from collections.abc import Sequence
from typing import NamedTuple

from prediction_service.batching.runtime import ModelError, Runtime, sliced
from prediction_service.models.folders.manifest import Manifest
from prediction_service.signature.signature import Instance
from prediction_service.tasks.task import BadOutput, MisfitError, NotFinite, Output

MOST_LONG_ROWS = 64
"""Most of the longest instances that are tried in one call, to find out whether there is memory for it."""


class NotComputedError(ModelError):
    """The model cannot compute this instance; it may compute others."""


class Examined(NamedTuple):
    """An instance that a model was tried with, and its output."""

    instance: Instance
    output: Output


def examine(
    runtime: Runtime, manifest: Manifest, instances: Sequence[Instance], long: Sequence[Instance]
) -> list[Examined]:
    """The instances that the model can compute, with its outputs. Raises ModelError, with what to do about it.

    The output for an instance must be valid for the task, and the same alone as in a batch. A model may fail for some
    (another script, no word at all): requests with such ones get an error. If it fails for more than half, it is not
    usable.
    """
    if len(manifest.labels) == 1 and manifest.task_type != "multilabel":
        raise ModelError("has one label, which would be the answer to everything; a classification has two or more")
    alone = compute_each(runtime, manifest, instances)
    if manifest.batching.max_rows > 1:
        check_batches(runtime, manifest, alone)
    compute_each(runtime, manifest, long)
    if long and (rows := largest_call(runtime, manifest, long[0])) > 1:
        outputs_of(runtime, [long[0]] * rows, manifest)
    return alone


def largest_call(runtime: Runtime, manifest: Manifest, longest: Instance) -> int:
    """How many of the longest instances make the call that needs most memory; one, if it is computed in windows.

    Rows are never computed together beyond what a call may cost.
    """
    alone = manifest.runtime.kind != "onnx" or manifest.runtime.long_texts == "windows"
    most = 1 if alone else min(manifest.batching.max_rows, MOST_LONG_ROWS)
    if most == 1 or manifest.signature.takes_text():
        return most
    served = sliced(runtime)
    (pieces,) = served.pieces([longest])
    return min(most, max(1, served.max_call_cost // sum(piece.cost for piece in pieces)))


def compute_each(runtime: Runtime, manifest: Manifest, instances: Sequence[Instance]) -> list[Examined]:
    """One call for each. Raises ModelError when more than half cannot be computed."""
    examined, failures = [], []
    for instance in instances:
        try:
            (output,) = outputs_of(runtime, [instance], manifest)
        except NotComputedError as error:
            failures.append(error)
        else:
            examined.append(Examined(instance, output))
    if len(failures) * 2 > len(instances):
        raise failures[0]
    return examined


def check_batches(runtime: Runtime, manifest: Manifest, alone: Sequence[Examined]) -> None:
    """Raises ModelError if an instance has another output in a batch of the largest size than alone."""
    size = manifest.batching.max_rows
    for start in range(0, len(alone), size):
        some = alone[start : start + size]
        try:
            outputs = outputs_of(runtime, [examined.instance for examined in some], manifest)
        except NotComputedError as error:
            raise ModelError(f"computes rows alone only: {error}; say max_rows = 1 in [batching]") from error
        if any(manifest.task.differ(examined.output, output) for examined, output in zip(some, outputs, strict=True)):
            raise ModelError(
                "says something else about a text or row in company than alone; if that must be, say max_rows = 1"
            )


def outputs_of(runtime: Runtime, instances: Sequence[Instance], manifest: Manifest) -> list[Output]:
    """One call of the model. Raises ModelError for an invalid output, NotComputedError if there is none."""
    task = manifest.task
    try:
        raw = runtime.compute(instances)
        checked = task.checked(raw, len(instances))
        task.check_form(raw[0])
    except MisfitError as error:
        raise ModelError(str(error)) from error
    except ModelError:
        raise
    except Exception as error:  # a model may raise anything
        raise NotComputedError(
            f"does not compute {shortened(instances[0])}: {' '.join(str(error).split())[:300]}"
        ) from error
    for instance, output, given in zip(instances, checked, raw, strict=True):
        if isinstance(output, BadOutput):
            message = f"gives no {MEANT.get(manifest.task_type, 'probabilities')} for {shortened(instance)}: {output}"
            if isinstance(output, NotFinite):
                raise NotComputedError(f"{message}; the model itself gives NaN or infinity")
            raise ModelError(message + (task.advice(given) if manifest.runtime.kind == "onnx" else ""))
    return list(checked)


MEANT = {"regression": "value", "embedding": "vector", "generic": "outputs as declared"}
"""Task → what its models give; a classification of whatever name gives probabilities."""


def shortened(instance: Instance) -> str:
    """The beginning of an instance."""
    told = repr(instance)
    return f"{told[:41]}…'" if len(told) > 43 else told
