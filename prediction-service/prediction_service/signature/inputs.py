"""`[[inputs]]` of a manifest: one class for each type, which knows what it takes and what the model is given for it."""

import math
import re
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    model_validator,
)

from prediction_service.request.texts import check_storable
from prediction_service.signature.datatypes import MAX_ELEMENTS, Datatype, elements_of
from prediction_service.signature.tensors import read_tensor

InputName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""What clients call it; columns of data frames have blanks and signs in their names."""

CategoryValue = Annotated[str, StringConstraints(min_length=1, max_length=200)]

MAX_INPUTS = 1000
"""Of one model."""

MAX_VALUES = 10_000
"""Of a category."""

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)

INT64 = range(-(2**63), 2**63)


def shown(names: Sequence[str]) -> str:
    """The first of them, for a person."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


class BadInput(ValueError):
    """A value that an input does not take; the message follows the input's name."""


class Declared(BaseModel):
    """What every input has. `read` makes of a JSON value what the model is given, or raises BadInput."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: InputName
    required: StrictBool = Field(True, description="Whether a request without it is refused")

    is_number: ClassVar[bool] = False
    """Whether it can stand in a table of numbers beside others."""

    def read(self, value: Any) -> Any:
        """What the model is given. Raises BadInput."""
        raise NotImplementedError

    @model_validator(mode="after")
    def default_is_a_value(self) -> Self:
        """Raises ValueError for a default that no request could send."""
        default = getattr(self, "default", None)
        if default is not None:
            try:
                self.read(default)
            except ValueError as error:
                raise ValueError(f"default {error}") from None
        return self

    @cached_property
    def when_missing(self) -> Any:
        """What the model is given where a request leaves it out: the default, else None."""
        default = getattr(self, "default", None)
        return None if default is None else self.read(default)

    @property
    def may_be_missing(self) -> bool:
        """Whether a request may leave it out."""
        return not self.required or getattr(self, "default", None) is not None


class TextInput(Declared):
    """Words. It may be blank: a comment that nobody wrote is one."""

    type: Literal["text"]
    default: str | None = None

    def read(self, value: Any) -> str:
        """The text."""
        if not isinstance(value, str):
            raise BadInput("must be a text")
        return check_storable(value)


class NumberInput(Declared):
    """A finite number, as a double."""

    type: Literal["number"]
    default: StrictFloat | StrictInt | None = None

    is_number: ClassVar[bool] = True

    def read(self, value: Any) -> float:
        """The number; integers too."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadInput("must be a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise BadInput("must be a finite number; leave it out where it is not known, if the model allows that")
        return number


class IntegerInput(Declared):
    """A whole number of 64 bits."""

    type: Literal["integer"]
    default: StrictInt | StrictFloat | None = None

    is_number: ClassVar[bool] = True

    def read(self, value: Any) -> int:
        """The number; 3.0 is 3."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadInput("must be a whole number")
        if value not in INT64:
            raise BadInput("must be a whole number of 64 bits")
        return value


class CategoryInput(Declared):
    """One of several words."""

    type: Literal["category"]
    values: list[CategoryValue] = Field(min_length=1, max_length=MAX_VALUES)
    other: StrictBool = Field(False, description="Whether other words are given to the model as they are; if not: 422")
    default: str | None = None

    @cached_property
    def positions(self) -> dict[str, int]:
        """Value → its place among the values."""
        return {value: place for place, value in enumerate(self.values)}

    @model_validator(mode="after")
    def values_are_unique(self) -> Self:
        """Raises ValueError when a value stands there twice."""
        if len(set(self.values)) < len(self.values):
            raise ValueError("a value stands there twice")
        return self

    def read(self, value: Any) -> str:
        """The word."""
        if not isinstance(value, str):
            raise BadInput("must be a text")
        if value in self.positions:
            return value
        if not self.other:
            raise BadInput(f"must be one of {shown(self.values)}")
        return check_storable(value)


class BooleanInput(Declared):
    """True or false."""

    type: Literal["boolean"]
    default: StrictBool | None = None

    is_number: ClassVar[bool] = True

    def read(self, value: Any) -> bool:
        """It; numbers are none."""
        if not isinstance(value, bool):
            raise BadInput("must be true or false")
        return value


class TimestampInput(Declared):
    """A moment, with its zone."""

    type: Literal["timestamp"]
    default: str | None = None

    def read(self, value: Any) -> datetime:
        """The moment, aware of its zone."""
        if not isinstance(value, str) or not RFC_3339.fullmatch(value):
            raise BadInput("must be a time with its zone, such as 2026-01-31T08:30:00Z")
        try:
            return datetime.fromisoformat(value.upper())
        except ValueError:
            raise BadInput("must be a time that exists, such as 2026-01-31T08:30:00Z") from None


class TensorInput(Declared):
    """Numbers or texts in a shape; -1 is any size."""

    type: Literal["tensor"]
    datatype: Datatype
    shape: list[Annotated[StrictInt, Field(ge=-1)]] = Field(min_length=1, max_length=8)

    @model_validator(mode="after")
    def is_bounded(self) -> Self:
        """Raises ValueError for a shape with more elements than a request may have."""
        if elements_of(self.shape) > MAX_ELEMENTS:
            raise ValueError(f"has more than {MAX_ELEMENTS:,} elements")
        return self

    def read(self, value: Any) -> Any:
        """A NumPy array of the datatype and shape."""
        return read_tensor(value, self.datatype, self.shape)


Input = Annotated[
    TextInput | NumberInput | IntegerInput | CategoryInput | BooleanInput | TimestampInput | TensorInput,
    Field(discriminator="type"),
]
