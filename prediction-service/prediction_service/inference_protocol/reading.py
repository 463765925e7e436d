"""The body of an inference request: JSON, and behind it, if the client likes, the tensors in binary."""

import re
from codecs import BOM_UTF8
from dataclasses import dataclass

from pydantic import ValidationError

from prediction_service.inference_protocol.errors import BadInference
from prediction_service.inference_protocol.schemas import InferenceRequest, InputTensor
from prediction_service.inference_protocol.tensors import Tensor, bad_input, from_binary, from_json
from shared.contracts.faults import in_words
from shared.http.json_structure import MAX_TENSOR_VALUES, check_structure
from shared.http.problems import InvalidRequest

DECIMAL = re.compile(r"\d{1,10}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Inference:
    """What a client asks for, and the tensors that it gives."""

    request: InferenceRequest
    tensors: list[Tensor]


def read_request(body: bytes, json_length: str | None) -> Inference:
    """The request and its tensors. `json_length`: the header Inference-Header-Content-Length. Raises BadInference."""
    header, binary = split_body(body, json_length)
    header = header.removeprefix(BOM_UTF8)
    try:
        check_structure(header, MAX_TENSOR_VALUES)
        request = InferenceRequest.model_validate_json(header)
    except InvalidRequest as error:
        fault = error.extensions["errors"][0]
        raise BadInference(f"{fault['location'].removeprefix('body.')} {fault['message']}.") from error
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, wrong["loc"]))
        raise BadInference(f"{place}: {in_words(wrong)}" if place else in_words(wrong)) from error
    return Inference(request, tensors_of(request.inputs, binary))


def split_body(body: bytes, json_length: str | None) -> tuple[bytes, memoryview]:
    """JSON, and what comes behind it. Raises BadInference."""
    if json_length is None:
        return body, memoryview(b"")
    if not (DECIMAL.fullmatch(json_length) and int(json_length) <= len(body)):
        raise BadInference("Inference-Header-Content-Length must be a number of bytes of the body.")
    length = int(json_length)
    return body[:length], memoryview(body)[length:]


def tensors_of(inputs: list[InputTensor], binary: memoryview) -> list[Tensor]:
    """The tensors; those in binary follow each other in the order of the inputs. Raises BadInference."""
    tensors, position = list[Tensor](), 0
    for described in inputs:
        size = described.parameters.get("binary_data_size")
        if size is None:
            tensors.append(from_json(described))
            continue
        if type(size) is not int or not 0 <= size <= len(binary) - position or described.data is not None:
            raise bad_input(described.name, "binary_data_size is not the size of the data behind the JSON")
        tensors.append(from_binary(described, binary[position : position + size]))
        position += size
    if position < len(binary):
        raise BadInference("There is more behind the JSON than the inputs' binary_data_size.")
    return tensors
