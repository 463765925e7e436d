"""The protocol's JSON; `tensors` has what is inside tensors."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from prediction_service.signature.inputs import MAX_INPUTS

MAX_RANK = 9
"""Of a shape: the rows, and the eight sizes that a manifest may declare."""

MAX_OUTPUTS = 128
"""That a request may name: more than a manifest may declare."""


def without_unused(parameters: object) -> object:
    """Some clients send null for what they do not use; MLServer's types carry `headers`, an object or null."""
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        return parameters
    return {key: value for key, value in parameters.items() if value is not None and key != "headers"}


Parameters = Annotated[dict[str, StrictBool | StrictInt | StrictFloat | StrictStr], BeforeValidator(without_unused)]


class InputTensor(BaseModel):
    """One input; its data stands here or, with `binary_data_size`, behind the JSON."""

    name: str = Field(description="Of an input that the model's metadata lists")
    shape: list[StrictInt] = Field(max_length=MAX_RANK, description="Rows first: [n] or [n, 1], of a tensor [n, …]")
    datatype: str = Field(description="BOOL, UINT8 to UINT64, INT8 to INT64, FP16, FP32, FP64 or BYTES (texts)")
    parameters: Parameters = {}
    data: list[Any] | None = Field(None, description="Row-major, nested or flat; null where an input is left out")


class RequestedOutput(BaseModel):
    """An output that the client wants; `binary_data` asks for it in binary."""

    name: str
    parameters: Parameters = {}


class InferenceRequest(BaseModel):
    """What is to be computed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["I love it."]}]}]
        }
    )

    id: str | None = None
    parameters: Parameters = {}
    inputs: list[InputTensor] = Field(max_length=MAX_INPUTS)
    outputs: Annotated[
        list[RequestedOutput],
        BeforeValidator(lambda value: [] if value is None else value),
        Field(max_length=MAX_OUTPUTS, description="None named: all, of a classifier of texts label and confidence"),
    ] = []

    def wants_binary(self, output: RequestedOutput) -> bool:
        """Whether an output is sent in binary: its own parameter decides, else the request's."""
        return bool(output.parameters.get("binary_data", self.parameters.get("binary_data_output", False)))


class OutputTensor(BaseModel):
    """One output; in binary its data stand behind the JSON, and `binary_data_size` says how long they are."""

    name: str
    datatype: str
    shape: list[StrictInt] = Field(description="Rows first")
    parameters: dict[str, Any] | None = None
    data: list[Any] | None = Field(None, description="Row-major, flat")


class InferenceResponse(BaseModel):
    """What was computed, and is on record."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    model_version: str
    id: str | None = Field(None, description="Of the request, if it has one")
    outputs: list[OutputTensor]


class LoadRequest(BaseModel):
    """`parameters`: what Triton lets a client put in the place of the folder's contents."""

    parameters: dict[str, Any] = {}


class IndexRequest(BaseModel):
    """`ready`: only models that take requests."""

    ready: bool = False
