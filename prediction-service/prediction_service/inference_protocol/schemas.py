"""The protocol's JSON; `tensors` has what is inside tensors."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr


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

    name: str
    shape: list[int] = Field(max_length=8)
    datatype: str
    parameters: Parameters = {}
    data: list[Any] | None = None


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
    inputs: list[InputTensor] = Field(max_length=16)
    outputs: Annotated[
        list[RequestedOutput], BeforeValidator(lambda value: [] if value is None else value), Field(max_length=16)
    ] = []

    def wants_binary(self, output: RequestedOutput) -> bool:
        """Whether an output is sent in binary: its own parameter decides, else the request's."""
        return bool(output.parameters.get("binary_data", self.parameters.get("binary_data_output", False)))


class IndexRequest(BaseModel):
    """`ready`: only models that take requests."""

    ready: bool = False
