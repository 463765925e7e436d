"""Tensors of the two datatypes that text models use, BYTES in and BYTES or FP32 out, in JSON and in binary.

In binary, numbers are little-endian and each BYTES element has its length before it, four bytes, little-endian.
"""

import re
import struct
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import orjson
from pydantic import ValidationError

from prediction_service.inference_protocol.errors import BadInference
from prediction_service.inference_protocol.schemas import InferenceRequest, InputTensor
from prediction_service.request.texts import MAX_TEXTS
from shared.http.json_structure import check_structure
from shared.http.problems import InvalidRequest

LENGTH = struct.Struct("<I")
DECIMAL = re.compile(r"\d{1,10}", re.ASCII)


@dataclass(frozen=True, slots=True)
class OutputTensor:
    """One column of a response; `binary` says how it is sent."""

    name: str
    datatype: str
    data: Sequence[str] | Sequence[float]
    binary: bool


def read_request(body: bytes, json_length: str | None) -> tuple[InferenceRequest, list[str]]:
    """The request, and its texts. `json_length`: the header Inference-Header-Content-Length. Raises BadInference."""
    header, binary = split_body(body, json_length)
    header = header.removeprefix(BOM_UTF8)
    try:
        check_structure(header)
        request = InferenceRequest.model_validate_json(header)
    except InvalidRequest as error:
        fault = error.extensions["errors"][0]
        raise BadInference(f"{fault['location']} {fault['message']}.") from error
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise BadInference(f"{place}: {fault['msg']}" if place else fault["msg"]) from error
    if [tensor.name for tensor in request.inputs] != ["text"]:
        raise BadInference("This model takes one input, 'text'.")
    return request, read_texts(request.inputs[0], binary)


def split_body(body: bytes, json_length: str | None) -> tuple[bytes, bytes]:
    """The JSON of a body, and the binary data after it."""
    if json_length is None:
        return body, b""
    if not (DECIMAL.fullmatch(json_length) and int(json_length) <= len(body)):
        raise BadInference("Inference-Header-Content-Length must be a number of bytes of the body.")
    return body[: int(json_length)], body[int(json_length) :]


def read_texts(tensor: InputTensor, binary: bytes) -> list[str]:
    """The elements of a BYTES tensor [n] or [n, 1]. Raises BadInference."""
    if tensor.datatype != "BYTES":
        raise BadInference(f"Input 'text' has datatype BYTES, not {tensor.datatype}.")
    if not 1 <= len(tensor.shape) <= 2 or tensor.shape[1:] not in ([], [1]) or tensor.shape[0] < 1:
        raise BadInference("Input 'text' has shape [n], n at least 1.")
    if tensor.shape[0] > MAX_TEXTS:
        raise BadInference(f"At most {MAX_TEXTS} texts at once.")
    size = tensor.parameters.get("binary_data_size")
    if size is None:
        texts = read_json(tensor.data)
        left = len(binary)
    else:
        if type(size) is not int or size != len(binary) or tensor.data is not None:
            raise BadInference("Input 'text': binary_data_size is not the size of the data behind the JSON.")
        texts, left = read_binary(binary, tensor.shape[0]), 0
    if left:
        raise BadInference("There is more behind the JSON than the inputs' binary_data_size.")
    if len(texts) != prod(tensor.shape):
        raise BadInference(f"Input 'text': the shape says {prod(tensor.shape)} elements, there are {len(texts)}.")
    return texts


def read_json(data: list[Any] | None) -> list[str]:
    """Strings, nested or flat, in row-major order."""
    texts = list(flatten(data or []))
    if not all(isinstance(text, str) for text in texts):
        raise BadInference("Input 'text': data must be strings.")
    return texts


def flatten(data: list[Any]) -> Iterator[Any]:
    """Flattens two levels at most: shapes here have at most two dimensions."""
    for element in data:
        if isinstance(element, list):
            yield from element
        else:
            yield element


def read_binary(data: bytes, most: int) -> list[str]:
    """Elements with their lengths before them, at most one more than `most`. Raises BadInference."""
    texts, position = list[str](), 0
    while position < len(data) and len(texts) <= most:
        start = position + LENGTH.size
        if start > len(data):
            raise BadInference("Input 'text': the binary data ends within a length.")
        position = start + LENGTH.unpack_from(data, start - LENGTH.size)[0]
        if position > len(data):
            raise BadInference("Input 'text': the binary data ends within an element.")
        texts.append(decode(data[start:position]))
    return texts


def decode(element: bytes) -> str:
    """An element as text. Raises BadInference if it is not UTF-8."""
    try:
        return element.decode()
    except UnicodeDecodeError:
        raise BadInference("Input 'text': an element is not UTF-8.") from None


def write_response(head: dict[str, Any], outputs: Sequence[OutputTensor]) -> tuple[bytes, int | None]:
    """The body of a response, and how many of its bytes are JSON; None if all are."""
    tensors, binary = [], []
    for output in outputs:
        tensor: dict[str, Any] = {"name": output.name, "datatype": output.datatype, "shape": [len(output.data)]}
        if output.binary:
            binary.append(to_binary(output))
            tensor["parameters"] = {"binary_data_size": len(binary[-1])}
        else:
            tensor["data"] = output.data
        tensors.append(tensor)
    header = orjson.dumps({**head, "outputs": tensors})
    return header + b"".join(binary), len(header) if binary else None


def to_binary(output: OutputTensor) -> bytes:
    """FP32 as floats of four bytes, BYTES as UTF-8 with lengths."""
    if output.datatype == "FP32":
        return struct.pack(f"<{len(output.data)}f", *output.data)
    elements = [str(element).encode() for element in output.data]
    return b"".join(LENGTH.pack(len(element)) + element for element in elements)
