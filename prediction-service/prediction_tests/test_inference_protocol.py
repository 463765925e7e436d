"""What does not fit the Open Inference Protocol is a clear 4xx in its own form, and nothing is recorded."""

from typing import Any

import httpx
import orjson
import pytest

from shared.testing.postgres import Database

PATH = "/v2/models/sentiment-lexicon/infer"


def tensor(**changed: Any) -> dict[str, Any]:
    return {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["Fine."]} | changed


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"inputs": []},
        {"inputs": [tensor(), tensor()]},
        {"inputs": [tensor(name="image")]},
        {"inputs": [tensor(datatype="FP32")]},
        {"inputs": [tensor(shape=[2])]},
        {"inputs": [tensor(shape=[])]},
        {"inputs": [tensor(shape=[-1])]},
        {"inputs": [tensor(shape=[0], data=[])]},
        {"inputs": [tensor(shape=[1, 2], data=["a", "b"])]},
        {"inputs": [tensor(shape=[257], data=["a"] * 257)]},
        {"inputs": [tensor(data=[5])]},
        {"inputs": [tensor(data=[None])]},
        {"inputs": [tensor(data=[[["deep"]]])]},
        {"inputs": [tensor(data=["a\0b"])]},
        {"inputs": [tensor(data=[" "])]},
        {"inputs": [tensor(data=None)]},
        {"inputs": [tensor(data=None, parameters={"binary_data_size": 9})]},
        {"inputs": [tensor()], "outputs": [{"name": "oracle"}]},
        {"inputs": [tensor()], "parameters": {"a": {"b": 1}}},
    ],
)
async def test_a_request_that_does_not_fit(client: httpx.AsyncClient, database: Database, body: Any) -> None:
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == ["error"]
    assert await database.fetch("SELECT 1 FROM predictions.prediction") == []


async def test_null_says_the_same_as_leaving_out(client: httpx.AsyncClient) -> None:
    body = {"id": None, "parameters": None, "inputs": [tensor(parameters=None)], "outputs": None}
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    assert [output["name"] for output in answer.json()["outputs"]] == ["label", "confidence"]


@pytest.mark.parametrize(
    "data",
    [b"", b"\x01", b"\xff\xff\xff\xff", b"\x05\x00\x00\x00Fine", b"\x01\x00\x00\x00\xff", b"\x01\x00\x00\x00ab"],
)
async def test_binary_data_that_does_not_fit(client: httpx.AsyncClient, database: Database, data: bytes) -> None:
    header = orjson.dumps({"inputs": [tensor(data=None, parameters={"binary_data_size": len(data)})]})
    answer = await client.post(
        PATH, content=header + data, headers={"Inference-Header-Content-Length": str(len(header))}
    )
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == ["error"]
    assert await database.fetch("SELECT 1 FROM predictions.prediction") == []


@pytest.mark.parametrize("length", ["-1", "x", "100000", "1e3", "²"])
async def test_a_header_length_that_does_not_fit(client: httpx.AsyncClient, length: str) -> None:
    answer = await client.post(
        PATH, json={"inputs": [tensor()]}, headers={b"Inference-Header-Content-Length": length.encode()}
    )
    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("path", ["/v2/models/oracle", "/v2/models/sentiment-lexicon/versions/9.9.9/ready", "/v2/nope"])
async def test_what_is_not_there_is_a_404_in_the_same_form(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert list(answer.json()) == ["error"]


async def test_both_forms_of_the_root_and_of_data(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v2")).json() == (await client.get("/v2/")).json()
    for shape, data in (([2], ["a", "b"]), ([2, 1], [["a"], ["b"]]), ([2, 1], ["a", "b"])):
        answer = await client.post(PATH, json={"inputs": [tensor(shape=shape, data=data)]})
        assert answer.json()["outputs"][0]["shape"] == [2]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v2/", "GET"),
        ("DELETE", "/v2/health/live", "GET"),
        ("POST", "/v2/models/stats", "GET"),
        ("POST", "/v2/models/sentiment-lexicon", "GET"),
        ("PATCH", "/v2/models/sentiment-lexicon/infer", "POST"),
        ("GET", "/v2/models/oracle/versions/1.0.0/infer", "POST"),
        ("GET", "/v2/repository/index", "POST"),
        ("PUT", "/v2/repository/models/sentiment-lexicon/load", "POST"),
    ],
)
async def test_a_wrong_method_is_a_405_that_names_the_right_one(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert list(answer.json()) == ["error"]


async def test_options_says_what_a_path_takes_and_head_what_get_says(client: httpx.AsyncClient) -> None:
    asked = await client.options("/v2/models/sentiment-lexicon/infer")
    assert (asked.status_code, asked.headers["allow"]) == (204, "POST, OPTIONS")
    asked = await client.options("/v2/models/sentiment-lexicon")
    assert (asked.status_code, asked.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert (await client.head("/v2/health/live")).status_code == 200
