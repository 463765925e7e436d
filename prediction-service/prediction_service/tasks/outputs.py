"""`[[outputs]]` of a manifest: what a generic model gives."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from prediction_service.signature.datatypes import Datatype, completed
from prediction_service.signature.inputs import InputName


class DeclaredOutput(BaseModel):
    """One output. `shape`: of one row; -1 is any size, [] a single value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: InputName
    datatype: Datatype
    shape: list[Annotated[StrictInt, Field(ge=-1)]] | None = Field(None, max_length=8)


def shape_of(value: Any, declared: list[int]) -> tuple[int, ...]:
    """Of an array, or of lists in lists, by their first elements; within an empty list it is as declared."""
    return tuple(value.shape) if hasattr(value, "shape") else completed(shape_of_lists(value), declared)


def shape_of_lists(value: Any) -> tuple[int, ...]:
    """By their first elements."""
    if isinstance(value, list | tuple):
        return (len(value), *(shape_of_lists(value[0]) if value else ()))
    return ()
