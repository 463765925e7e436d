"""From tensors to the instances that a model is given, one for each row."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from prediction_service.inference_protocol.columns import column
from prediction_service.inference_protocol.errors import BadInference
from prediction_service.inference_protocol.tensors import Tensor, bad_input
from prediction_service.request.texts import MAX_BATCH_CHARACTERS, check_text
from prediction_service.signature.inputs import shown
from prediction_service.signature.signature import TEXT, Instance, Signature


def instances_of(signature: Signature, tensors: Sequence[Tensor]) -> Sequence[Instance]:
    """What the model is given. Raises BadInference for inputs that are wrong, missing or unknown."""
    if signature.is_plain_text:
        return texts_of(tensors)
    by_name = {tensor.name: tensor for tensor in unpacked(signature, tensors)}
    check_names(signature, by_name, tensors)
    rows = rows_of(tensors)
    columns: list[Sequence[Any]] = [column(declared, by_name.get(declared.name), rows) for declared in signature.inputs]
    instances = list(zip(*columns, strict=True))
    check_characters(signature.characters_of(instances))
    return instances


def texts_of(tensors: Sequence[Tensor]) -> list[str]:
    """The texts of a model that takes nothing else. Raises BadInference."""
    if len(tensors) != 1 or tensors[0].name != TEXT:
        raise BadInference(f"This model takes one input, '{TEXT}'.")
    (tensor,) = tensors
    if tensor.datatype != "BYTES":
        raise bad_input(TEXT, f"has datatype BYTES, not {tensor.datatype}")
    if tensor.shape[1:] not in {(), (1,)}:
        raise bad_input(TEXT, f"has shape [n] or [n, 1], and not {list(tensor.shape)}")
    if tensor.missing:
        raise bad_input(TEXT, "data must be strings")
    texts: list[str] = list(tensor.elements)
    check_characters(sum(map(len, texts)))
    for index, text in enumerate(texts):
        try:
            check_text(text)
        except ValueError as error:
            raise BadInference(f"Input '{TEXT}', element {index}: {error}.") from error
    return texts


def check_characters(characters: int) -> None:
    """Raises BadInference for more than a batch may have."""
    if characters > MAX_BATCH_CHARACTERS:
        raise BadInference(f"At most {MAX_BATCH_CHARACTERS} characters at once.")


def check_names(signature: Signature, by_name: dict[str, Tensor], given: Sequence[Tensor]) -> None:
    """Raises BadInference for an input that stands there twice, or that the model does not have."""
    known = set(signature.names)
    for name in by_name:
        if name not in known:
            raise bad_input(
                name, f"is no input of this model, which takes {shown(signature.names)}{or_packed(signature)}"
            )
    if not by_name:
        raise BadInference(f"This model takes {shown(signature.names)}.")
    seen = set[str]()
    for tensor in given:
        if tensor.name in seen:
            raise bad_input(tensor.name, "stands there twice")
        seen.add(tensor.name)


def rows_of(tensors: Sequence[Tensor]) -> int:
    """How many rows all inputs have. Raises BadInference."""
    first = tensors[0]
    for tensor in tensors:
        if tensor.shape[0] != first.shape[0]:
            rows, wanted = tensor.shape[0], first.shape[0]
            raise bad_input(tensor.name, f"has {rows} rows, and '{first.name[:200]}' has {wanted}")
    return first.shape[0]


def can_be_packed(signature: Signature) -> bool:
    """Whether all inputs are numbers, so that one tensor can have them as its columns."""
    return all(declared.is_number for declared in signature.inputs)


def or_packed(signature: Signature) -> str:
    """What a model of numbers takes as well, for a person."""
    return f", or one tensor [n, {len(signature.inputs)}] of numbers" if can_be_packed(signature) else ""


def unpacked(signature: Signature, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    """The columns of the single tensor [n, k] that clients of table models send, whatever they call it.

    MLServer's are among them, which know no names of columns. Any other tensors are returned as they are.
    """
    names = signature.names
    if len(tensors) != 1 or tensors[0].name in names or not can_be_packed(signature):
        return tensors
    (tensor,) = tensors
    if len(tensor.shape) != 2 or tensor.shape[1] != len(names) or isinstance(tensor.elements, list):
        return tensors
    rows, width = tensor.shape
    table, missing = tensor.elements.reshape(tensor.shape), defaultdict[int, set[int]](set)
    for at in tensor.missing:
        missing[at % width].add(at // width)
    return [
        replace(tensor, name=name, shape=(rows,), elements=table[:, place], missing=frozenset(missing[place]))
        for place, name in enumerate(names)
    ]
