"""Texts inside rows may be as long as others, and cost no more memory: at load, in batches, tensors and streams."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
import tritonclient.http as triton

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.manifest_file import read_manifest
from prediction_service.models.runtimes.load import load_runtime
from prediction_service.models.trials.examination import largest_call
from prediction_service.models.trials.samples import samples
from prediction_service.request.texts import MAX_BATCH_CHARACTERS, MAX_CHARACTERS
from prediction_tests.process import service_process
from prediction_tests.python_models import admission, admitted, python_model
from prediction_tests.service import (
    QUICK_DEFAULT,
    QUICK_MODELS,
    StartService,
    assert_problem,
    until_loaded,
)
from shared.testing.postgres import Database
from shared.testing.stream_client import send_all, streaming

TABLE = Path(__file__).parent / "exports" / "tables" / "skl2onnx-text-and-numbers"
NDJSON = "application/x-ndjson"
LONGEST = ("It was a long day at the sea. " * 400)[:MAX_CHARACTERS]

INPUTS = """labels = ["no", "yes"]
[[inputs]]
name = "note"
type = "text"
[[inputs]]
name = "size"
type = "number"
[runtime]
kind = "python"
"""

WORDS = """task_type = "generic"
[[inputs]]
name = "words"
type = "tensor"
datatype = "BYTES"
shape = [-1]
[runtime]
kind = "python"
"""


async def test_a_model_that_has_no_memory_for_the_longest_texts_is_refused_at_load(tmp_path: Path) -> None:
    """As a model of one text is; what is short enough is served."""
    code = "def predict(rows): return [bool(bytearray({} * len(row['note']))) * [0.5, 0.5] for row in rows]"
    good = python_model(tmp_path, code.format(1000), INPUTS, "good")
    greedy = python_model(tmp_path, code.format(100_000), INPUTS, "greedy")
    async with admitted(good, admission()):
        pass
    with pytest.raises(ModelError, match="memory"):
        async with admitted(greedy, admission()):
            pass


def test_a_model_is_tried_with_the_largest_calls_that_it_gets_and_no_larger_ones() -> None:
    manifest = read_manifest(TABLE)
    runtime = load_runtime(TABLE, manifest, 64 << 20)
    usual, long = samples(manifest.signature)
    longest = manifest.signature.read({"note": LONGEST, "monthly fee": 1.0, "calls": 1})
    assert max(len(row[0]) for row in long) == MAX_CHARACTERS
    assert 1 <= largest_call(runtime, manifest, longest) == runtime.max_call_cost // (1 + MAX_CHARACTERS // 8)
    assert largest_call(runtime, manifest, usual[0]) > 10 * largest_call(runtime, manifest, longest)


def texts_of(*lengths: int) -> list[dict[str, list[str]]]:
    return [{"words": ["x" * length]} for length in lengths]


async def test_texts_in_tensors_count_as_all_texts_do(start_service: StartService, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / QUICK_DEFAULT).symlink_to((QUICK_MODELS / QUICK_DEFAULT).resolve())
    python_model(models, "def predict(rows): return [{'n': len(row['words'])} for row in rows]", WORDS, "words")
    client = await until_loaded(await start_service(models_dir=models), "words")
    half = MAX_BATCH_CHARACTERS // 2
    for rows, status in ((texts_of(half, half), 200), (texts_of(half, half, 1), 422)):
        answer = await client.post("/predict/batch", json={"rows": rows, "model_name": "words"})
        assert answer.status_code == status
    assert assert_problem(answer, 422)["errors"][0]["location"] == "body.rows"
    for extra, status in ((0, 200), (1, 400)):
        words = triton.InferInput("words", [2, 1], "BYTES")
        words.set_data_from_numpy(np.array([["x" * half], ["x" * (half + extra)]], dtype=object))
        body, length = triton.InferenceServerClient.generate_request_body([words])
        headers = {"Inference-Header-Content-Length": str(length)}
        answer = await client.post("/v2/models/words/infer", content=bytes(body), headers=headers)
        assert answer.status_code == status, answer.text
    assert answer.json() == {"error": f"At most {MAX_BATCH_CHARACTERS} characters at once."}


ROW = {"note": LONGEST, "monthly fee": 20.5, "calls": 3}
MORE = 64 << 20
"""What may come and go in a service by itself."""


def lines(count: int) -> Iterator[bytes]:
    line = json.dumps(ROW).encode() + b"\n"
    for _ in range(count):
        yield line


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_long_rows_take_no_more_memory_however_many_there_are(database: Database, tmp_path: Path) -> None:
    """Batches at the bound, many at a time, and a stream several times as long as one that was there before."""
    shutil.copytree(TABLE, tmp_path / "models" / "table" / "1.0.0", ignore=shutil.ignore_patterns("expect.json"))
    process = service_process(database, tmp_path, MODELS_DIR=str(tmp_path / "models"), DEFAULT_MODEL="table")
    await asyncio.to_thread(process.start)
    try:
        resident = psutil.Process(process.pid).memory_info

        async def stream(count: int) -> int:
            most = answered = 0
            async with streaming(process.port, NDJSON) as client:
                sending = asyncio.create_task(send_all(client, lines(count)))
                async for line in client.lines():
                    answered += b"prediction_id" in line
                    most = max(most, resident().rss)
                await sending
            assert answered == count
            return most

        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}", timeout=120) as client:
            batch = {"rows": [ROW] * (MAX_BATCH_CHARACTERS // MAX_CHARACTERS)}

            async def batches(count: int) -> int:
                answers = await asyncio.gather(*(client.post("/predict/batch", json=batch) for _ in range(count)))
                assert {answer.status_code for answer in answers} <= {200, 503}
                assert any(answer.status_code == 200 for answer in answers)
                return resident().rss

            await batches(8)
            few, some = await stream(300), await batches(8)
            many, again = await stream(1500), max([await batches(8) for _ in range(4)])
        print(f"streams {few >> 20} and {many >> 20} MiB, batches {some >> 20} and {again >> 20} MiB")
        assert many < max(few, some) + MORE
        assert again < max(few, some) + MORE
    finally:
        await asyncio.to_thread(process.stop)
