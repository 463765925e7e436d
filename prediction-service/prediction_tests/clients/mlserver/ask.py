"""MLServer's types and codecs, and requests, as in its manual: `ask.py URL ROWS`, JSON to stdout.

ROWS is a file: {"churn": [row, …], "numbers": [[…], …]}.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import requests
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec, StringRequestCodec
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse, RequestOutput

URL, GIVEN = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
TABLE = np.array(GIVEN["numbers"], dtype=np.float32)


def infer(model: str, request: InferenceRequest) -> InferenceResponse:
    """Posts it."""
    body, headers = request.model_dump_json(), {"Content-Type": "application/json"}
    answer = requests.post(f"{URL}/v2/models/{model}/infer", data=body, headers=headers, timeout=60)
    answer.raise_for_status()
    return InferenceResponse.model_validate_json(answer.content)


def metadata(model: str) -> dict[str, Any]:
    """What a model takes and gives."""
    answer = requests.get(f"{URL}/v2/models/{model}", timeout=60)
    return MetadataModelResponse.model_validate_json(answer.content).model_dump(exclude_none=True)


def by_name(response: InferenceResponse) -> dict[str, Any]:
    """Each output, decoded by the codec for its datatype."""
    return {
        output.name: StringCodec.decode_output(output)
        if output.datatype == "BYTES"
        else NumpyCodec.decode_output(output).tolist()
        for output in response.outputs
    }


def data_frame() -> dict[str, Any]:
    """A table with texts and gaps in it: a tensor for each column, in and out."""
    churn = PandasCodec.encode_request(pd.DataFrame(GIVEN["churn"]))
    answer = PandasCodec.decode_response(infer("churn", churn))
    return answer.to_dict("list")


def named_outputs() -> dict[str, Any]:
    """Those that a request asks for."""
    churn = PandasCodec.encode_request(pd.DataFrame(GIVEN["churn"]))
    churn.outputs = [RequestOutput(name="scores"), RequestOutput(name="label")]
    return by_name(infer("churn", churn))


def main() -> None:
    """Asks in all the ways that its codecs have."""
    texts = StringRequestCodec.encode_request(["I love it.", "Terrible, awful."])
    texts.inputs[0].name = "text"
    answers = {
        "data frame": data_frame(),
        "named outputs": named_outputs(),
        "strings": by_name(infer("sentiment-lexicon", texts)),
        "metadata": metadata("churn"),
    }
    for model in ("price", "topics", "reduced", "clusters"):
        answers[model] = by_name(infer(model, NumpyRequestCodec.encode_request(TABLE)))
    sys.stdout.write(json.dumps(answers))


main()
