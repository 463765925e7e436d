"""One input tensor, from JSON or binary to its elements: what it is by itself, before a model looks at it.

In binary, numbers are little-endian and each BYTES element has its length before it, four bytes, little-endian.
NumPy is loaded with the first tensor of numbers: models of texts need none.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import TYPE_CHECKING, Any

import orjson

from prediction_service.inference_protocol.errors import BadInference
from prediction_service.inference_protocol.schemas import InputTensor
from prediction_service.request.texts import MAX_TEXTS
from prediction_service.signature.datatypes import MAX_ELEMENTS, NUMPY

if TYPE_CHECKING:
    import numpy as np

LENGTH = struct.Struct("<I")

MAX_STRINGS = 262_144
"""Elements of a BYTES tensor: as many as JSON may have values."""

NONE = frozenset[int]()

PANDAS_JSON = "pd_json"
"""MLServer's content type of a column of objects: each element is JSON of its own."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input as it came. `elements` in row-major order: strings for BYTES, else an array of one dimension."""

    name: str
    datatype: str
    """The protocol's; or PANDAS_JSON, whose elements are texts, numbers or booleans."""
    shape: tuple[int, ...]
    elements: "list[Any] | np.ndarray[Any, Any]"
    missing: frozenset[int] = frozenset()
    """Positions of elements that were null in JSON; what stands there in `elements` means nothing."""


def bad_input(name: str, message: str) -> BadInference:
    """The 400 that names the input."""
    return BadInference(f"Input '{name[:200]}': {message}.")


def check_description(described: InputTensor) -> None:
    """Raises BadInference for a datatype or a shape that no tensor here may have."""
    if described.datatype not in NUMPY:
        other = "; send FP32" if described.datatype == "BF16" else ""
        raise bad_input(described.name, f"the datatype {described.datatype[:40]} is not known here{other}")
    shape = described.shape
    if not shape or min(shape) < 0 or shape[0] < 1:
        raise bad_input(described.name, f"has shape [n] or [n, …], n at least 1, and not {shape}")
    if shape[0] > MAX_TEXTS:
        raise BadInference(f"At most {MAX_TEXTS} rows at once.")
    most = MAX_STRINGS if described.datatype == "BYTES" else MAX_ELEMENTS
    if prod(shape) > most:
        raise bad_input(described.name, f"must have at most {most:,} elements")


def from_json(described: InputTensor) -> Tensor:
    """The tensor whose data stand in the JSON. Raises BadInference."""
    check_description(described)
    if described.data is None:
        raise bad_input(described.name, "has no data")
    flat, datatype = flattened(described, described.data), described.datatype
    if datatype == "BYTES" and not all(isinstance(text, str) for text in flat if text is not None):
        raise bad_input(described.name, "data must be strings")
    if datatype == "BYTES" and described.parameters.get("content_type") == PANDAS_JSON:
        flat, datatype = [None if text is None else parsed(described, text) for text in flat], PANDAS_JSON
    missing = frozenset(place for place, element in enumerate(flat) if element is None) if None in flat else NONE
    elements = flat if datatype in {"BYTES", PANDAS_JSON} else numbers(described, flat, missing)
    return Tensor(described.name, datatype, tuple(described.shape), elements, missing)


def flattened(described: InputTensor, data: list[Any]) -> list[Any]:
    """The elements of nested or flat lists. Raises BadInference unless they are as many as the shape says."""
    sizes = [len(data)]
    while any(isinstance(element, list) for element in data):
        lengths = {len(element) if isinstance(element, list) else -1 for element in data}
        sizes += lengths
        if len(lengths) > 1 or len(sizes) > len(described.shape) + 1:
            raise bad_input(described.name, "data must be flat, or lists of equal lengths as the shape has them")
        data = list(chain.from_iterable(data))
    if len(data) != prod(described.shape):
        count = prod(described.shape)
        raise bad_input(described.name, f"the shape says {count} elements, there are {len(data)}")
    if data and len(sizes) > 1 and without_ones(sizes) != without_ones(described.shape):
        raise bad_input(described.name, f"the shape says {described.shape}, data are nested as {sizes}")
    return data


def without_ones(sizes: Sequence[int]) -> list[int]:
    """A shape without what makes no difference to the order of elements."""
    return [size for size in sizes if size != 1]


def numbers(described: InputTensor, flat: list[Any], missing: frozenset[int]) -> "np.ndarray[Any, Any]":
    """Numbers of JSON in their datatype. Raises BadInference for what it cannot hold."""
    import numpy as np

    datatype = described.datatype
    kinds = {bool} if datatype == "BOOL" else {int, float} if datatype.startswith("FP") else {int}
    if not set(map(type, flat)) <= kinds | {type(None)}:
        raise bad_input(described.name, f"data must be what {datatype} can hold")
    present = [0 if element is None else element for element in flat] if missing else flat
    with np.errstate(over="ignore"):
        try:
            array = np.array(present, dtype=NUMPY[datatype])
        except OverflowError:
            raise bad_input(described.name, f"data must be what {datatype} can hold") from None
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise bad_input(described.name, f"has a number that {datatype} cannot hold")
    return array


def parsed(described: InputTensor, element: str) -> Any:
    """An element that is JSON of its own: a text, a number, true, false or null. Raises BadInference."""
    try:
        if not element.lstrip().startswith(("[", "{")):
            return orjson.loads(element)
    except orjson.JSONDecodeError:
        pass
    raise bad_input(described.name, f"with the content type {PANDAS_JSON} each element is one value in JSON")


def from_binary(described: InputTensor, data: memoryview) -> Tensor:
    """The tensor whose data stand behind the JSON, without a copy where the machine can read them there.

    Raises BadInference.
    """
    check_description(described)
    elements: Any = strings(described, data) if described.datatype == "BYTES" else array_of(described, data)
    return Tensor(described.name, described.datatype, tuple(described.shape), elements)


def array_of(described: InputTensor, data: memoryview) -> "np.ndarray[Any, Any]":
    """Numbers, as they lie in the body. Raises BadInference for another size than the shape says."""
    import numpy as np

    datatype = np.dtype(NUMPY[described.datatype])
    wanted = prod(described.shape) * datatype.itemsize
    if len(data) != wanted:
        raise bad_input(described.name, f"the shape says {wanted} bytes, there are {len(data)}")
    array = np.frombuffer(data, dtype=datatype)
    if described.datatype == "BOOL" and (array.view("u1") > 1).any():
        raise bad_input(described.name, "a byte of a BOOL is 0 or 1")
    return array if array.flags.aligned else array.copy()


def strings(described: InputTensor, data: memoryview) -> list[str]:
    """Elements with their lengths before them. Raises BadInference for more or fewer than the shape says."""
    most, texts, position = prod(described.shape), list[str](), 0
    while position < len(data) and len(texts) <= most:
        start = position + LENGTH.size
        if start > len(data):
            raise bad_input(described.name, "the binary data ends within a length")
        position = start + LENGTH.unpack_from(data, start - LENGTH.size)[0]
        if position > len(data):
            raise bad_input(described.name, "the binary data ends within an element")
        try:
            texts.append(str(data[start:position], "utf-8"))
        except UnicodeDecodeError:
            raise bad_input(described.name, "an element is not UTF-8") from None
    if len(texts) != most:
        raise bad_input(described.name, f"the shape says {most} elements, there are {len(texts)}")
    return texts
