"""From the bodies of requests to the instances that a model is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prediction_service.api.schemas import BatchRequest, PredictionOptions, PredictionRequest
from prediction_service.models.model import Model
from prediction_service.request.texts import MAX_BATCH_CHARACTERS, check_text
from prediction_service.signature.signature import InputFaults, Instance
from shared.contracts.problem import FieldError
from shared.http.problems import MAX_REPORTED_ERRORS, InvalidRequest, place

OF_ONE = {"inputs": "an object", "text": "a string"}
OF_MANY = {"rows": "a list of objects", "texts": "a list of strings"}
"""Field that has what is to be predicted → what it must be; the inputs of rows first, then texts."""


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """The instances of a batch that are acceptable, and what is wrong with the others, by position."""

    instances: list[Instance]
    faults: dict[int, list[FieldError]]
    size: int


def check_one(body: PredictionRequest) -> None:
    """Raises InvalidRequest unless there is either a text or inputs."""
    if body.text is None and body.inputs is None:
        raise nothing_in(body, OF_ONE)
    if body.text is not None and body.inputs is not None:
        raise InvalidRequest([FieldError(location="body.inputs", message="stands beside text; send one of them")])


def instance_of(model: Model, body: PredictionRequest) -> Instance:
    """What the model is given. Raises InvalidRequest that names what is wrong, missing or unknown."""
    signature = model.manifest.signature
    if body.text is not None:
        check_takes_text(model, "text", "inputs")
        return signature.instance_of_text(body.text)
    try:
        return signature.read(body.inputs or {})
    except InputFaults as error:
        raise InvalidRequest(errors_of(error, ("body", "inputs"))) from None


def check_takes_text(model: Model, field: str, instead: str) -> None:
    """Raises InvalidRequest for a text that a model with other inputs is sent."""
    signature = model.manifest.signature
    if not signature.takes_text():
        names = ", ".join(signature.names[:10])
        message = f"does not suit {model.name}, which takes {names}; send them as {instead}"
        raise InvalidRequest([FieldError(location=f"body.{field}", message=message)])


def check_many(body: BatchRequest) -> None:
    """Raises InvalidRequest unless there are either texts or rows, and texts are not too long all together."""
    if body.texts is None and body.rows is None:
        raise nothing_in(body, OF_MANY)
    if body.texts is not None and body.rows is not None:
        raise InvalidRequest([FieldError(location="body.rows", message="stands beside texts; send one of them")])
    if body.texts is not None:
        check_characters(sum(map(len, body.texts)), "texts")


def instances_of(model: Model, body: BatchRequest) -> CheckedBatch:
    """Sets what is not acceptable aside. Raises InvalidRequest when nothing else is left."""
    if body.texts is not None:
        check_takes_text(model, "texts", "rows")
        return checked_texts(model, body.texts)
    return checked_rows(model, body.rows or [])


def checked_texts(model: Model, texts: Sequence[str]) -> CheckedBatch:
    """Of texts."""
    good, faults = list[Instance](), dict[int, list[FieldError]]()
    for index, text in enumerate(texts):
        try:
            good.append(model.manifest.signature.instance_of_text(check_text(text)))
        except ValueError as error:
            faults[index] = [FieldError(location=f"body.texts.{index}", message=str(error))]
    return some_of(CheckedBatch(good, faults, len(texts)))


def checked_rows(model: Model, rows: Sequence[Mapping[str, Any]]) -> CheckedBatch:
    """Of rows of inputs."""
    good, faults = list[Instance](), dict[int, list[FieldError]]()
    for index, row in enumerate(rows):
        try:
            good.append(model.manifest.signature.read(row))
        except InputFaults as error:
            faults[index] = errors_of(error, ("body", "rows", index))
    check_characters(model.manifest.signature.characters_of(good), "rows")
    return some_of(CheckedBatch(good, faults, len(rows)))


def some_of(batch: CheckedBatch) -> CheckedBatch:
    """The batch. Raises InvalidRequest when nothing in it is acceptable."""
    if not batch.instances:
        errors = [error for errors in batch.faults.values() for error in errors]
        raise InvalidRequest(errors[:MAX_REPORTED_ERRORS])
    return batch


def nothing_in(body: PredictionOptions, kinds: Mapping[str, str]) -> InvalidRequest:
    """The 422 for a request without anything to predict: what is null in it, or that nothing was sent."""
    for field, kind in kinds.items():
        if field in body.model_fields_set:
            return InvalidRequest([FieldError(location=f"body.{field}", message=f"must be {kind}, not null")])
    inputs, text = kinds
    message = f"Field required; {inputs} instead of it, if the model declares inputs"
    return InvalidRequest([FieldError(location=f"body.{text}", message=message)])


def check_characters(characters: int, field: str) -> None:
    """Raises InvalidRequest for more than a batch may have."""
    if characters > MAX_BATCH_CHARACTERS:
        message = f"must have at most {MAX_BATCH_CHARACTERS} characters together"
        raise InvalidRequest([FieldError(location=f"body.{field}", message=message)])


def errors_of(error: InputFaults, path: Sequence[str | int]) -> list[FieldError]:
    """Each fault with its place."""
    faults = list(error.faults.items())[:MAX_REPORTED_ERRORS]
    return [FieldError(location=place((*path, name)), message=message) for name, message in faults]
