"""The body of a response: JSON, and behind it the outputs that are sent in binary."""

import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from prediction_service.inference_protocol.tensors import LENGTH
from prediction_service.inference_protocol.values import Values

CODES = {
    "BOOL": "B",
    **{f"UINT{8 * size}": code for size, code in ((1, "B"), (2, "H"), (4, "I"), (8, "Q"))},
    **{f"INT{8 * size}": code for size, code in ((1, "b"), (2, "h"), (4, "i"), (8, "q"))},
    "FP32": "f",
    "FP64": "d",
}
"""Datatype → the type code of Python's arrays; they have none for FP16."""


@dataclass(frozen=True, slots=True)
class OutputTensor:
    """One output of a response; `binary` says how it is sent."""

    name: str
    values: Values
    binary: bool


def write_response(head: dict[str, Any], outputs: Sequence[OutputTensor]) -> tuple[bytes, int | None]:
    """The body of a response, and how many bytes of it are JSON: None when all are."""
    described, behind = list[dict[str, Any]](), list[bytes]()
    for output in outputs:
        values = output.values
        tensor: dict[str, Any] = {"name": output.name, "datatype": values.datatype, "shape": values.shape}
        parameters = dict(values.parameters)
        if output.binary:
            behind.append(to_binary(values.datatype, values.elements))
            parameters["binary_data_size"] = len(behind[-1])
        else:
            tensor["data"] = values.elements
        if parameters:
            tensor["parameters"] = parameters
        described.append(tensor)
    header = orjson.dumps({**head, "outputs": described}, option=orjson.OPT_SERIALIZE_NUMPY)
    return b"".join([header, *behind]), len(header) if behind else None


def to_binary(datatype: str, elements: Sequence[Any]) -> bytes:
    """Numbers little-endian, texts in UTF-8 with their lengths before them."""
    if datatype == "BYTES":
        encoded = [element.encode() for element in elements]
        return b"".join(LENGTH.pack(len(element)) + element for element in encoded)
    if datatype == "FP16":
        return struct.pack(f"<{len(elements)}e", *elements)
    numbers = array(CODES[datatype], elements)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
