"""What a model takes: `[[inputs]]` of a manifest, as words of the command line and as TOML have them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelserver.errors import UsageError

TYPES = ("text", "number", "integer", "category", "boolean", "timestamp", "tensor")

EXAMPLES: dict[str, Any] = {
    "text": "Hello",
    "number": 1.5,
    "integer": 1,
    "boolean": True,
    "timestamp": "2026-01-31T08:30:00Z",
}
"""Type of an input → a value that a request may send."""

OTHER = "*"
"""Among the values of a category: other words are taken too."""

OPTIONAL = "?"
"""Behind a type: a request may leave the input out."""

HOW = (
    "name:type, such as rooms:number, age:number? (may be left out), city:category:Ankara,Izmir,* (* for other words), "
    "image:tensor:FP32:3x224x224"
)


@dataclass(frozen=True, slots=True)
class DeclaredInput:
    """One input. `options` are its further keys in the manifest."""

    name: str
    type: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> dict[str, Any]:
        """As a manifest has it."""
        return {"name": self.name, "type": self.type, **self.options}

    @property
    def is_number(self) -> bool:
        """Whether it may stand in a matrix of numbers."""
        return self.type in {"number", "integer", "boolean"}

    def example(self) -> Any:
        """A value that a request may send."""
        if self.type == "category":
            return self.options["values"][0]
        if self.type == "tensor":
            value: Any = "" if self.options["datatype"] == "BYTES" else 0
            for size in reversed(self.options["shape"]):
                value = [value] * max(size, 1)
            return value
        return EXAMPLES[self.type]


def parse_input(words: str) -> DeclaredInput:
    """An input from the command line; see HOW. Raises UsageError."""
    name, _, rest = words.partition(":")
    type_, _, details = rest.partition(":")
    optional = type_.endswith(OPTIONAL)
    type_ = type_.removesuffix(OPTIONAL)
    if not name or type_ not in TYPES:
        raise UsageError(f"--input {words}: write {HOW}; types are {', '.join(TYPES)}")
    options: dict[str, Any] = {"required": False} if optional else {}
    if type_ == "category":
        options |= category_options(words, details)
    elif type_ == "tensor":
        options |= tensor_options(words, details)
    elif details:
        raise UsageError(f"--input {words}: the type {type_} takes nothing behind it, and there is {details}")
    return DeclaredInput(name, type_, options)


def category_options(words: str, details: str) -> dict[str, Any]:
    """`values` and `other`. Raises UsageError."""
    values = [value for value in details.split(",") if value and value != OTHER]
    if not values:
        raise UsageError(f"--input {words}: a category needs its values, such as city:category:Ankara,Izmir")
    return {"values": values} | ({"other": True} if OTHER in details.split(",") else {})


def tensor_options(words: str, details: str) -> dict[str, Any]:
    """`datatype` and `shape`. Raises UsageError."""
    datatype, _, shape = details.partition(":")
    try:
        sizes = [int(size) for size in shape.split("x")]
    except ValueError:
        raise UsageError(f"--input {words}: a tensor needs datatype and shape, such as FP32:3x224x224") from None
    return {"datatype": datatype, "shape": sizes}
