"""What MLServer's and other clients put into parameters besides what the protocol knows costs nobody an answer."""

import httpx
import pytest

TENSOR = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["I love it."]}

MLSERVER = (
    b'{"id":null,"parameters":null,"inputs":[{"name":"text","shape":[1,1],"datatype":"BYTES","parameters":{"content_type":'
    b'"str","headers":null},"data":["I love it."]}],"outputs":null}'
)
"""`pydantic_core.to_json` of mlserver 1.7.1's `InferenceRequest`, its tensor made by `StringCodec.encode_input`."""


async def test_a_request_as_mlserver_writes_it(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v2/models/sentiment-lexicon/infer", content=MLSERVER)
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"][0]["data"] == ["positive"]


@pytest.mark.parametrize("parameters", [None, {}, {"headers": {"a": "b"}}, {"headers": None, "content_type": "str"}])
async def test_parameters_that_are_not_used(client: httpx.AsyncClient, parameters: object) -> None:
    body = {"inputs": [TENSOR | {"parameters": parameters}], "parameters": parameters}
    answer = await client.post("/v2/models/sentiment-lexicon/infer", json=body)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("parameters", [[], "x", {"content_type": {}}, {"content_type": []}])
async def test_parameters_that_are_none_of_the_protocol(client: httpx.AsyncClient, parameters: object) -> None:
    answer = await client.post(
        "/v2/models/sentiment-lexicon/infer", json={"inputs": [TENSOR | {"parameters": parameters}]}
    )
    assert answer.status_code == 400
    assert "parameters" in answer.json()["error"]
