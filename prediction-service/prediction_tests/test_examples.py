"""The shipped examples say what their libraries said, about a thousand rows that they had not seen, on every path:
alone, in batches, as tensors in JSON and binary (tritonclient's own encoder), and as one CSV.
"""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import httpx
import numpy as np
import pytest
import tritonclient.http as triton

from prediction_service.models.runtimes.python.make_environments import make_environments
from prediction_tests.clients.environment import ENVIRONMENTS
from prediction_tests.examples import EXAMPLES, MODELS, Example, Said, assert_same, table_of
from prediction_tests.process import service_process
from shared.testing.postgres import PostgresServer

BATCH, CALLERS = 250, 32

START_SECONDS = 300
"""Until all of them are tried, one after another, on a busy machine."""


@pytest.fixture(scope="module")
def port(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A service whose repository has all examples in it."""
    folder, environments = tmp_path_factory.mktemp("examples"), ENVIRONMENTS / "models"
    for example, model in MODELS.items():
        (folder / "models").mkdir(exist_ok=True)
        (folder / "models" / model).symlink_to(EXAMPLES / example / "models" / model)
    make_environments(folder / "models", environments)
    database = asyncio.run(postgres_server.make_database())
    variables = {"MODELS_DIR": str(folder / "models"), "MODEL_ENVIRONMENTS_DIR": str(environments)}
    process = service_process(database, folder, DEFAULT_MODEL="churn", MODEL_LOAD_SECONDS="120", **variables)
    process.start(deadline_seconds=START_SECONDS)
    yield process.port
    process.stop()
    asyncio.run(postgres_server.drop_database(database.name))


async def all_loaded(client: httpx.AsyncClient) -> dict[str, Any]:
    """Name → what GET /models says, once every example is served."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            found = (await client.get("/models")).json()
            models = {model["name"]: model for model in found["models"]}
            assert not found["skipped"], found["skipped"]
            if models.keys() >= set(MODELS.values()):
                return models
            await asyncio.sleep(0.2)


@pytest.fixture
async def client(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
        yield client


def of_json(answer: dict[str, Any]) -> Said:
    """Of a prediction as /predict has it."""
    raw = answer["raw_output"]
    if "vector" in raw:
        return {"vector": raw["vector"]}
    if "labels" in raw:
        return {"scores": raw["scores"], "labels": set(raw["labels"])}
    if "value" in raw:
        return {"value": answer["prediction_value"]}
    return {"label": answer["prediction_label"], "confidence": answer["confidence"]}


async def alone(client: httpx.AsyncClient, port: int, example: Example) -> list[Said]:
    """Each row in a request of its own, many at a time."""
    url = f"http://127.0.0.1:{port}/predict"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CALLERS)) as session:

        async def ask(row: dict[str, Any]) -> Said:
            async with session.post(url, json={"model_name": example.model, "inputs": row}) as answer:
                assert answer.status == 200, await answer.text()
                return of_json(await answer.json())

        return list(await asyncio.gather(*map(ask, example.rows())))


async def in_batches(client: httpx.AsyncClient, port: int, example: Example) -> list[Said]:
    said, rows = list[Said](), example.rows()
    for start in range(0, len(rows), BATCH):
        body = {"model_name": example.model, "rows": rows[start : start + BATCH]}
        answer = await client.post("/predict/batch", json=body)
        assert answer.status_code == 200, answer.text
        said += [of_json(prediction) for prediction in answer.json()["predictions"]]
    return said


async def as_csv(client: httpx.AsyncClient, port: int, example: Example) -> list[Said]:
    """The file as it is."""
    headers, query = {"Content-Type": "text/csv"}, {"model_name": example.model}
    answer = await client.post("/predict/batch", content=example.csv, headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    lines = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [line["row"] for line in lines] == [str(number) for number in range(1, len(lines) + 1)]
    return [of_line(line) for line in lines]


def of_line(line: dict[str, str]) -> Said:
    """Of a line of a stream."""
    assert not line["error"], line
    if "vector" in line:
        return {"vector": json.loads(line["vector"])}
    if "labels" in line:
        return {"labels": set(json.loads(line["labels"]))}
    if line["prediction_value"]:
        return {"value": float(line["prediction_value"])}
    return {"label": line["prediction_label"], "confidence": float(line["confidence"])}


DATATYPES = {"number": ("FP64", np.float64), "integer": ("INT64", np.int64), "boolean": ("BOOL", np.bool_)}


def tensors(example: Example, rows: list[dict[str, Any]], *, binary: bool) -> list[triton.InferInput]:
    """A column each. All rows have the same inputs: a tensor has no gaps."""
    types, inputs = {declared["name"]: declared["type"] for declared in example.inputs}, list[triton.InferInput]()
    for name in rows[0]:
        datatype, kind = DATATYPES.get(types.get(name, "text"), ("BYTES", np.object_))
        inputs.append(triton.InferInput(name, [len(rows)], datatype))
        inputs[-1].set_data_from_numpy(np.array([row[name] for row in rows], dtype=kind), binary_data=binary)
    return inputs


OUTPUTS = ("label", "confidence", "scores", "labels", "value", "embedding")


def of_tensors(example: Example, answer: triton.InferResult, place: int) -> Said:
    """Of one row."""
    found = {name: answer.as_numpy(name) for name in OUTPUTS if answer.get_output(name) is not None}
    if "embedding" in found:
        return {"vector": found["embedding"][place].tolist()}
    if "value" in found:
        return {"value": found["value"][place].item()}
    if "labels" in found:
        scores = dict(zip(example.labels, found["scores"][place].tolist(), strict=True))
        return {"scores": scores, "labels": set(json.loads(found["labels"][place]))}
    label = found["label"][place]
    label = label.decode() if isinstance(label, bytes) else label
    return {"label": label, "confidence": found["confidence"][place].item()}


def by_tritonclient(port: int, example: Example, *, binary: bool) -> list[Said]:
    """Rows that lack the same inputs go together."""
    rows = example.rows()
    by_inputs = dict[tuple[str, ...], list[int]]()
    for place, row in enumerate(rows):
        by_inputs.setdefault(tuple(row), []).append(place)
    said: list[Said] = [{} for _ in rows]
    client = triton.InferenceServerClient(f"127.0.0.1:{port}", network_timeout=120, connection_timeout=120)
    try:
        for places in by_inputs.values():
            for start in range(0, len(places), BATCH):
                some = places[start : start + BATCH]
                sent = tensors(example, [rows[place] for place in some], binary=binary)
                answer = client.infer(example.model, sent)
                for index, place in enumerate(some):
                    said[place] = of_tensors(example, answer, index)
    finally:
        client.close()
    return said


async def as_json_tensors(client: httpx.AsyncClient, port: int, example: Example) -> list[Said]:
    return await asyncio.to_thread(by_tritonclient, port, example, binary=False)


async def as_binary_tensors(client: httpx.AsyncClient, port: int, example: Example) -> list[Said]:
    return await asyncio.to_thread(by_tritonclient, port, example, binary=True)


PATHS = (alone, in_batches, as_csv, as_json_tensors, as_binary_tensors)


@pytest.mark.timeout(900)  # the first one makes the environment of a Python model and waits for all trials
@pytest.mark.parametrize("name", MODELS)
async def test_every_path_says_what_the_library_said(name: str, client: httpx.AsyncClient, port: int) -> None:
    entry = (await all_loaded(client))[MODELS[name]]
    example = Example(name, table_of(name), entry["inputs"], entry["labels"])
    assert len(example.table) == 1000
    said = {path.__name__: await path(client, port, example) for path in PATHS}
    wanted = example.expected()
    for path, answers in said.items():
        for row, (answer, expected, other) in enumerate(zip(answers, wanted, said["alone"], strict=True), 1):
            assert_same(answer, expected, f"{name}, row {row}, {path}, beside the library")
            assert_same(answer, other, f"{name}, row {row}, {path}, beside a request of its own")


def test_every_example_is_among_them() -> None:
    assert sorted(MODELS) == sorted(path.parent.name for path in EXAMPLES.glob("*/models"))
    assert all((EXAMPLES / example / "make.py").is_file() for example in MODELS)
