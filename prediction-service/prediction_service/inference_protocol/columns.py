"""What a model is given of one input, for each row: a tensor's elements as the manifest declares them.

Nothing is rounded in silence: a number of any datatype becomes the double or whole number that it is, or is refused.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prediction_service.inference_protocol.errors import BadInference
from prediction_service.inference_protocol.tensors import PANDAS_JSON, Tensor, bad_input
from prediction_service.signature.datatypes import suits
from prediction_service.signature.inputs import BooleanInput, Input, IntegerInput, NumberInput, TensorInput

if TYPE_CHECKING:
    import numpy as np

DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL"}
"""Type of an input → the datatype by which the metadata tell it; of texts, categories and timestamps BYTES."""


def datatype_of(declared: Input) -> str:
    """The datatype by which the metadata tell an input."""
    return declared.datatype if isinstance(declared, TensorInput) else DATATYPES.get(declared.type, "BYTES")


def column(declared: Input, tensor: Tensor | None, rows: int) -> Sequence[Any]:
    """The value of each row. Raises BadInference that names the input and the row."""
    if tensor is None:
        if not declared.may_be_missing:
            raise bad_input(declared.name, "is missing")
        return [declared.when_missing] * rows
    check_datatype(declared, tensor)
    if isinstance(declared, TensorInput):
        return sub_tensors(declared, tensor)
    if tensor.shape[1:] not in {(), (1,)}:
        raise bad_input(declared.name, f"has shape [n] or [n, 1], and not {list(tensor.shape)}")
    return scalars(declared, tensor.elements, tensor.missing)


def check_datatype(declared: Input, tensor: Tensor) -> None:
    """Raises BadInference for a datatype that cannot be what is declared; numbers come in any that has numbers."""
    wanted, given = datatype_of(declared), tensor.datatype
    if given == wanted or (given == PANDAS_JSON and not isinstance(declared, TensorInput)):
        return
    if isinstance(declared, TensorInput) or "BYTES" in {wanted, given} or (given == "BOOL" and wanted != "BOOL"):
        raise bad_input(declared.name, f"has datatype {wanted}, not {given}")


def sub_tensors(declared: TensorInput, tensor: Tensor) -> list[Any]:
    """The tensor of each row, as a view of the whole. Raises BadInference."""
    import numpy as np

    if not suits(tensor.shape[1:], declared.shape):
        wanted = ", ".join(map(str, ["n", *declared.shape]))
        raise bad_input(declared.name, f"has shape [{wanted}], and not {list(tensor.shape)}")
    if tensor.missing:
        raise bad_input(declared.name, "null is no element of a tensor")
    elements = tensor.elements
    whole = np.array(elements, dtype=object) if isinstance(elements, list) else elements
    return [read(declared, row, place) for place, row in enumerate(whole.reshape(tensor.shape))]


def scalars(declared: Input, elements: "list[Any] | np.ndarray[Any, Any]", missing: frozenset[int]) -> list[Any]:
    """The values of an input that is no tensor. Raises BadInference."""
    if not isinstance(elements, list):
        if not missing and (values := numbers_as_they_are(declared, elements)) is not None:
            return values
        elements = elements.tolist()
    return [
        value_if_missing(declared, place) if place in missing else read(declared, element, place)
        for place, element in enumerate(elements)
    ]


def numbers_as_they_are(declared: Input, array: "np.ndarray[Any, Any]") -> list[Any] | None:
    """Numbers that are all right, without a look at each; None: they need one, or there is a fault among them."""
    import numpy as np

    kind, size = array.dtype.kind, array.dtype.itemsize
    values: list[Any] | None = None
    if isinstance(declared, NumberInput) and (np.isfinite(array).all() if kind == "f" else size < EXACT):
        values = array.astype("f8").tolist()
    elif isinstance(declared, IntegerInput) and (kind == "i" or (kind == "u" and size < EXACT) or are_whole(array)):
        values = array.astype("i8").tolist()
    elif isinstance(declared, BooleanInput) and ((array == 0) | (array == 1)).all():
        values = array.astype("?").tolist()
    return values


EXACT = 8
"""Bytes of an integer that not every double, and if it has no sign not every integer of 64 bits, can be."""


def are_whole(array: "np.ndarray[Any, Any]") -> bool:
    """Whether numbers with a point are whole, and no larger than doubles count without gaps."""
    import numpy as np

    if array.dtype.kind != "f":
        return False
    doubles = array.astype("f8")
    return bool(((np.abs(doubles) <= MAX_COUNTED) & (np.rint(doubles) == doubles)).all())


MAX_COUNTED = 2.0**53
"""Doubles skip numbers beyond it."""


def value_if_missing(declared: Input, place: int) -> Any:
    """What the model is given for a null. Raises BadInference."""
    if not declared.may_be_missing:
        raise BadInference(f"Input '{declared.name}', row {place}: is missing.")
    return declared.when_missing


def read(declared: Input, value: Any, place: int) -> Any:
    """One value. Raises BadInference."""
    if isinstance(declared, BooleanInput) and value in (0, 1) and not isinstance(value, str):
        value = bool(value)
    try:
        result = declared.read(value)
    except ValueError as error:
        raise BadInference(f"Input '{declared.name}', row {place}: {error}.") from None
    if isinstance(declared, NumberInput) and result != value:
        raise BadInference(f"Input '{declared.name}', row {place}: has more digits than a double holds.")
    return result
