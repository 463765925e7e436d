"""KServe's InferenceRESTClient: `ask.py URL ROWS`, JSON to stdout.

ROWS is a file: {"churn": [row, …], "numbers": [[…], …]}.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, InferResponse, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

URL, GIVEN = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
DATATYPES = {"age": "FP64", "monthly fee": "FP32", "calls": "INT64", "plan": "BYTES", "city": "BYTES"}
KINDS = {"FP64": np.float64, "FP32": np.float32, "INT64": np.int64, "BYTES": np.object_}


def column(name: str, values: list[Any], *, binary: bool) -> InferInput:
    """An input for each column."""
    array = np.array(values, dtype=KINDS[DATATYPES[name]]).reshape(len(values), 1)
    tensor = InferInput(name, list(array.shape), DATATYPES[name])
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


def churn(*, binary: bool) -> InferRequest:
    """A table, column by column."""
    rows = [row for row in GIVEN["churn"] if row["age"] is not None]  # a tensor of numbers has no gaps
    inputs = [column(name, [row[name] for row in rows], binary=binary) for name in DATATYPES]
    outputs = [
        RequestedOutput(name, {"binary_data": binary}) for name in ("label", "confidence", "scores", "prediction_id")
    ]
    return InferRequest("churn", inputs, request_outputs=outputs)


def table(model: str, *, binary: bool) -> InferRequest:
    """One tensor of numbers."""
    array = np.array(GIVEN["numbers"], dtype=np.float32)
    tensor = InferInput("input-0", list(array.shape), "FP32")
    tensor.set_data_from_numpy(array, binary_data=binary)
    return InferRequest(model, [tensor], parameters={"binary_data_output": binary})


def decoded(response: InferResponse) -> dict[str, Any]:
    """Each output as lists."""
    said = {output.name: output.as_numpy().tolist() for output in response.outputs}
    return {
        name: [each.decode() if isinstance(each, bytes) else each for each in values] for name, values in said.items()
    }


async def refusal(client: InferenceRESTClient) -> str:
    """What the client tells of an input that is missing."""
    request = InferRequest("churn", [column("age", [1.0], binary=True)])
    try:
        await client.infer(URL, request, model_name="churn")
    except httpx.HTTPStatusError as error:
        return str(error)
    return ""


async def main() -> None:
    """Asks in both encodings."""
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    answers: dict[str, Any] = {
        "live": await client.is_server_live(URL),
        "ready": await client.is_server_ready(URL),
        "model ready": await client.is_model_ready(URL, "churn"),
        "refusal": await refusal(client),
    }
    for binary in (False, True):
        encoding = "binary" if binary else "json"
        answers[f"churn {encoding}"] = decoded(await client.infer(URL, churn(binary=binary), model_name="churn"))
        for model in ("price", "topics", "reduced", "clusters"):
            response = await client.infer(URL, table(model, binary=binary), model_name=model)
            answers[f"{model} {encoding}"] = decoded(response)
    await client.close()
    sys.stdout.write(json.dumps(answers))


asyncio.run(main())
