"""Tensors of every datatype go through the service as it is run and come back as Triton's client sent them."""

import asyncio
import json
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

from prediction_service.signature.datatypes import NUMPY
from prediction_tests.process import service_process
from prediction_tests.service import QUICK_MODELS
from shared.processes.waiting import wait_until
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database

EXPORTS = Path(__file__).parent / "exports"
SERVED = {
    "churn": "tables/skl2onnx-churn",
    "price": "tables/lightgbm-regression",
    "topics": "tables/skl2onnx-multi-output",
    "clusters": "tables/skl2onnx-kmeans",
    "echo": "tensors/echo",
    "image": "tensors/image",
}
Array = np.ndarray[Any, Any]

pytestmark = pytest.mark.timeout(300)  # each model is tried in a process of its own before it is served


Start = Callable[..., triton.InferenceServerClient]


@pytest.fixture
def start(database: Database, tmp_path: Path) -> Iterator[Start]:
    """Serves the named models, the first as the default; `url` of the client is its address."""
    with ExitStack() as stack:

        def start(*names: str) -> triton.InferenceServerClient:
            models = tmp_path / "models"
            for name in names:
                folder = EXPORTS / SERVED[name] if name in SERVED else QUICK_MODELS / name / "1.0.0"
                shutil.copytree(folder, models / name / "1.0.0", ignore=shutil.ignore_patterns("expect.json"))
            process = service_process(database, tmp_path, MODELS_DIR=str(models), DEFAULT_MODEL=names[0])
            stack.callback(process.stop)  # also when it does not get ready
            process.start(deadline_seconds=120)
            client = triton.InferenceServerClient(f"127.0.0.1:{process.port}", network_timeout=60)
            stack.callback(client.close)
            wait_until(lambda: all(map(client.is_model_ready, names)), "all models to be loaded", deadline_seconds=120)
            client.url = f"http://127.0.0.1:{process.port}"
            return client

        yield start


def rows_of(name: str) -> list[dict[str, Any]]:
    expected = json.loads((EXPORTS / SERVED[name] / "expect.json").read_text())
    return [row for row in expected["rows"] if row["age"] is not None]


def sent(name: str, datatype: str, array: Array, *, binary: bool) -> triton.InferInput:
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


def columns(client: triton.InferenceServerClient, model: str, *, binary: bool) -> list[triton.InferInput]:
    """The rows of a table, by what the model's metadata say."""
    rows = rows_of(model)
    return [
        sent(
            described["name"],
            described["datatype"],
            np.array([row[described["name"]] for row in rows], dtype=triton_to_np_dtype(described["datatype"])),
            binary=binary,
        )
        for described in client.get_model_metadata(model)["inputs"]
    ]


def any_array(rows: int, datatype: str, source: np.random.Generator) -> Array:
    """Of all values that a datatype has, its ends among them."""
    shape = (rows, 2, 3)
    if datatype == "BYTES":
        words = ["", "a", "Ümlaute", "😀", "x" * 300, '"quoted", \\']
        return np.array([words[at] for at in source.integers(0, len(words), 6 * rows)], dtype=object).reshape(shape)
    kind = np.dtype(NUMPY[datatype])
    if kind.kind == "b":
        return source.random(shape) < 0.5
    if kind.kind == "f":
        ends = np.finfo(kind)
        array = (source.standard_normal(shape) * float(np.sqrt(ends.max))).astype(kind)
    else:
        ends = np.iinfo(kind)
        array = source.integers(ends.min, ends.max, shape, dtype=kind, endpoint=True)
    array.flat[:2] = (ends.min, ends.max)
    return array


def test_every_datatype_comes_back_as_it_was_sent(start: Start) -> None:
    """In JSON and in binary, one row or several, whatever the order of the inputs."""
    server, seed = start("echo"), random.randrange(2**32)
    print("seed", seed)
    source, order = np.random.default_rng(seed), list(NUMPY)
    for rows, binary in product((1, 2, 7), (True, False)):
        arrays = {datatype: any_array(rows, datatype, source) for datatype in NUMPY}
        random.Random(seed).shuffle(order)
        inputs = [sent(datatype, datatype, arrays[datatype], binary=binary) for datatype in order]
        outputs = [triton.InferRequestedOutput(f"same {datatype}", binary_data=binary) for datatype in arrays]
        answer = server.infer("echo", inputs, outputs=outputs)
        for datatype, array in arrays.items():
            found = answer.as_numpy(f"same {datatype}")
            if datatype == "BYTES" and binary:
                found = np.array([each.decode() for each in found.flatten()], dtype=object).reshape(found.shape)
            assert found.dtype == array.dtype
            np.testing.assert_array_equal(found, array)


def test_a_large_tensor(start: Start, database: Database) -> None:
    server = start("image")
    image = np.random.default_rng(5).random((1, 3, 224, 224), dtype=np.float32)
    identifiers = set()
    for binary in (True, False):
        answer = server.infer("image", [sent("image", "FP32", image, binary=binary)])
        np.testing.assert_allclose(answer.as_numpy("means"), image.mean(axis=(2, 3)), rtol=1e-5)
        assert answer.as_numpy("brightest").tolist() == [int(image.mean(axis=(2, 3)).argmax())]
        identifiers |= {text(each) for each in answer.as_numpy("prediction_id")}
    rows = asyncio.run(database.fetch("SELECT * FROM predictions.prediction"))
    assert {str(row["prediction_id"]) for row in rows} == identifiers
    assert {(row["model_name"], row["prediction_label"], row["confidence"]) for row in rows} == {("image", None, None)}


def test_rows_and_tensors_are_answered_alike(start: Start) -> None:
    """/predict/batch beside /v2, without a name of an output: all that the metadata list."""
    models = ("churn", "price", "topics", "clusters")
    server = start(*models)
    for model, binary in product(models, (True, False)):
        answer = server.infer(model, columns(server, model, binary=binary))
        check_answer(answer, model, predictions(server, model), server.get_model_metadata(model)["outputs"])


def predictions(server: triton.InferenceServerClient, model: str) -> list[dict[str, Any]]:
    """What /predict/batch says."""
    answer = httpx.post(f"{server.url}/predict/batch", json={"rows": rows_of(model), "model_name": model}, timeout=30)
    said: list[dict[str, Any]] = answer.json()["predictions"]
    return said


def check_answer(
    answer: triton.InferResult, model: str, predicted: list[dict[str, Any]], described: list[dict[str, Any]]
) -> None:
    said, known = [row["raw_output"] for row in predicted], [output["name"] for output in described]
    given = [output["name"] for output in answer.get_response()["outputs"]]
    assert given == (["label", "scores", *known] if model == "clusters" else known)
    if model == "price":
        same(answer.as_numpy("value"), [row["value"] for row in said])
    elif model == "clusters":
        same(answer.as_numpy("scores"), [row["outputs"]["scores"] for row in said])
        assert answer.as_numpy("label").dtype == np.int64
    else:
        same(answer.as_numpy("scores"), [list(row["scores"].values()) for row in said])
        labels = [text(label) for label in answer.as_numpy("label")]
        assert labels == [row["prediction_label"] or "" for row in predicted]
    if model == "topics":
        assert [json.loads(each) for each in answer.as_numpy("labels")] == [row["labels"] for row in said]


def text(element: Any) -> str:
    return element.decode() if isinstance(element, bytes) else str(element)


def same(found: Array, expected: list[Any]) -> None:
    np.testing.assert_allclose(found, np.array(expected), rtol=1e-5, atol=1e-6)


def test_feedback_finds_a_prediction_of_tritons_client(start: Start, database: Database) -> None:
    """`prediction_id` for texts, too, when it is asked for; the labels stand beside the scores."""
    server = start("sentiment-lexicon")
    words = sent("text", "BYTES", np.array(["I love it.", "Terrible."], dtype=object), binary=True)
    names = ("prediction_id", "scores", "label")
    answer = server.infer("sentiment-lexicon", [words], outputs=[triton.InferRequestedOutput(name) for name in names])
    record = {
        str(row["prediction_id"]): row for row in asyncio.run(database.fetch("SELECT * FROM predictions.prediction"))
    }
    scores, labels = answer.get_output("scores"), [label.decode() for label in answer.as_numpy("label")]
    names_of_labels = json.loads(scores["parameters"]["labels"])
    for place, identifier in enumerate(answer.as_numpy("prediction_id")):
        row = record[identifier.decode()]
        assert row["prediction_label"] == labels[place]
        assert names_of_labels[int(answer.as_numpy("scores")[place].argmax())] == labels[place]
    default = server.infer("sentiment-lexicon", [words])
    assert [output["name"] for output in default.get_response()["outputs"]] == ["label", "confidence"]


def test_metadata_and_configuration_say_what_to_send(start: Start) -> None:
    server = start("churn", "image", "sentiment-lexicon")
    assert "model_configuration" in server.get_server_metadata()["extensions"]
    metadata, configuration = server.get_model_metadata("churn"), server.get_model_config("churn", "1.0.0")
    assert [(each["name"], each["datatype"], each["shape"]) for each in metadata["inputs"]] == [
        ("age", "FP64", [-1]),
        ("monthly fee", "FP64", [-1]),
        ("calls", "INT64", [-1]),
        ("plan", "BYTES", [-1]),
        ("city", "BYTES", [-1]),
    ]
    assert [each["parameters"]["optional"] for each in metadata["inputs"]] == [True, False, False, False, False]
    assert [(each["name"], each["datatype"], each["shape"]) for each in metadata["outputs"]] == [
        ("label", "BYTES", [-1]),
        ("confidence", "FP32", [-1]),
        ("scores", "FP32", [-1, 2]),
        ("prediction_id", "BYTES", [-1]),
    ]
    assert json.loads(metadata["outputs"][2]["parameters"]["labels"]) == ["leaves", "stays"]
    assert configuration["max_batch_size"] == 256
    assert configuration["input"][0] == {"name": "age", "data_type": "TYPE_FP64", "dims": [1], "optional": True}
    assert configuration["output"][2] == {"name": "scores", "data_type": "TYPE_FP32", "dims": [2]}
    image = server.get_model_config("image")
    assert image["input"] == [{"name": "image", "data_type": "TYPE_FP32", "dims": [3, 224, 224], "optional": False}]
    assert server.get_model_metadata("image")["inputs"][0]["shape"] == [-1, 3, 224, 224]
    assert server.get_model_config("sentiment-lexicon")["input"][0]["data_type"] == "TYPE_STRING"
    with pytest.raises(InferenceServerException, match="oracle"):
        server.get_model_config("oracle")


def test_what_does_not_fit_is_told_and_not_recorded(start: Start, database: Database) -> None:
    server = start("churn", "image", "clusters")
    good = columns(server, "churn", binary=True)
    one = sent("calls", "INT64", np.array([[1]]), binary=True)
    image = sent("image", "FP32", np.full((1, 3, 224, 224), np.nan, dtype=np.float32), binary=True)
    named = [triton.InferRequestedOutput("oracle")]
    classified = [triton.InferRequestedOutput("scores", class_count=2)]
    for model, inputs, outputs, message in (
        ("churn", good[1:-1], None, "Input 'city': is missing."),
        ("churn", [*good[:2], one, *good[3:]], None, "Input 'calls': has 1 rows, and 'age' has"),
        ("churn", good, named, "Output 'oracle' is none of this model's, which gives label, confidence, scores"),
        ("churn", good, classified, "The classification extension is not offered"),
        ("image", [image], None, "Input 'image', row 0: must have finite numbers only."),
        ("image", good, None, "is no input of this model, which takes image."),
        ("clusters", columns(server, "clusters", binary=True)[:1], None, "Input 'monthly fee': is missing."),
    ):
        with pytest.raises(InferenceServerException, match=message) as raised:
            server.infer(model, inputs, outputs=outputs)
        assert raised.value.status() == "400"
    server.unload_model("churn", headers=ADMIN)
    with pytest.raises(InferenceServerException, match="is loaded"):
        server.infer("churn", good)
    assert asyncio.run(database.fetch("SELECT 1 FROM predictions.prediction")) == []


def test_a_model_that_declares_no_outputs_has_those_that_it_gives(start: Start) -> None:
    server = start("clusters")
    inputs = columns(server, "clusters", binary=True)
    answer = server.infer("clusters", inputs, outputs=[triton.InferRequestedOutput("label", binary_data=True)])
    assert [output["name"] for output in answer.get_response()["outputs"]] == ["label"]
    with pytest.raises(InferenceServerException, match="'oracle' is none of this model's, which gives label, scores"):
        server.infer("clusters", inputs, outputs=[triton.InferRequestedOutput("oracle")])
