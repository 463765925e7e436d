"""X-Request-Timeout: who says how long to wait gets an answer by then, or a 504 and no record."""

import shutil
from pathlib import Path

import httpx
import pytest

from prediction_tests.service import MODELS, StartService, assert_problem
from shared.testing.postgres import Database

NAME = "sentiment-lexicon"
SLOW = "\N{GRINNING FACE}" * 10_000
"""Keeps the lexicon busy for some tenths of a second; so many texts of it, for seconds."""
MANY = [SLOW] * 30

BAD_VALUES = ["", "0", "0.0", "-1", "1e3", "inf", "nan", "0x1", "1,5", "3601", "9" * 400, "1.0000001", "²"]


@pytest.fixture
async def slow_client(start_service: StartService, tmp_path: Path) -> httpx.AsyncClient:
    """The lexicon, one text after the other."""
    shutil.copytree(MODELS / NAME, tmp_path / "models" / NAME)
    manifest = tmp_path / "models" / NAME / "1.0.0" / "model.toml"
    manifest.write_text(manifest.read_text().replace("max_rows = 32", "max_rows = 1\nworkers = 1"))
    return await start_service(models_dir=tmp_path / "models", default_model=NAME)


def tensors(texts: list[str]) -> dict:
    return {"inputs": [{"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}]}


async def recorded(database: Database) -> int:
    return len(await database.fetch("SELECT 1 FROM predictions.prediction"))


async def test_a_model_that_takes_longer_costs_a_504_and_leaves_no_record(
    slow_client: httpx.AsyncClient, database: Database
) -> None:
    answer = await slow_client.post("/predict/batch", json={"texts": MANY}, headers={"X-Request-Timeout": "0.2"})
    problem = assert_problem(answer, 504)
    assert problem["type"] == "urn:problem-type:deadline-passed"
    assert await recorded(database) == 0


async def test_below_v2_it_is_a_504_in_the_protocols_form(slow_client: httpx.AsyncClient, database: Database) -> None:
    headers = {"X-Request-Timeout": "0.2"}
    answer = await slow_client.post(f"/v2/models/{NAME}/infer", json=tensors(MANY), headers=headers)
    assert answer.status_code == 504
    assert "0.2 s" in answer.json()["error"]
    assert await recorded(database) == 0


async def test_who_has_time_gets_an_answer(client: httpx.AsyncClient) -> None:
    for value in ("30", "0.75", "3600"):
        headers = {"X-Request-Timeout": value}
        assert (await client.post("/predict", json={"text": "Fine."}, headers=headers)).status_code == 200
        assert (await client.post(f"/v2/models/{NAME}/infer", json=tensors(["Fine."]), headers=headers)).is_success


async def test_what_is_no_such_number_is_refused(client: httpx.AsyncClient, database: Database) -> None:
    for value in BAD_VALUES:
        headers = {b"X-Request-Timeout": value.encode()}
        for path, body in (("/predict", {"text": "Fine."}), ("/predict/batch", {"texts": ["Fine."]})):
            problem = assert_problem(await client.post(path, json=body, headers=headers), 422)
            assert problem["errors"][0]["location"] == "header.x-request-timeout"
        answer = await client.post(f"/v2/models/{NAME}/infer", json=tensors(["Fine."]), headers=headers)
        assert answer.status_code == 400
        assert "X-Request-Timeout" in answer.json()["error"]
    assert await recorded(database) == 0


async def test_the_document_names_it(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    for path in ("/predict", "/predict/batch", "/v2/models/{name}/infer"):
        named = [parameter["name"] for parameter in paths[path]["post"]["parameters"]]
        assert "X-Request-Timeout" in named
        assert {"503", "504"} <= paths[path]["post"]["responses"].keys()
