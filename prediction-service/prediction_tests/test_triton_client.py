"""The unmodified Triton client works against the service as it is run: JSON and binary."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from prediction_tests.process import service_process
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database

MODEL = "sentiment-lexicon"


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Iterator[triton.InferenceServerClient]:
    process = service_process(database, tmp_path)
    process.start()
    client = triton.InferenceServerClient(f"127.0.0.1:{process.port}")
    yield client
    client.close()
    process.stop()


def texts(*values: str, binary: bool) -> triton.InferInput:
    tensor = triton.InferInput("text", [len(values)], "BYTES")
    tensor.set_data_from_numpy(np.array(values, dtype=np.object_), binary_data=binary)
    return tensor


@pytest.mark.parametrize("binary", [True, False])
def test_inference_is_answered_and_recorded(
    server: triton.InferenceServerClient, database: Database, binary: bool
) -> None:
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("confidence", "label")]
    answer = server.infer(
        MODEL, [texts("I love it.", "Terrible, schade 😀?", binary=binary)], outputs=outputs, request_id="seven"
    )
    assert answer.as_numpy("label").tolist()[0] in {b"positive", "positive"}
    assert answer.as_numpy("confidence").dtype == np.float32
    assert answer.get_response()["id"] == "seven"
    assert answer.get_response()["model_version"] == "1.0.0"
    rows = asyncio.run(database.fetch("SELECT confidence FROM predictions.prediction"))
    assert sorted(row["confidence"] for row in rows) == pytest.approx(sorted(answer.as_numpy("confidence")))


def test_without_named_outputs_all_come(server: triton.InferenceServerClient) -> None:
    answer = server.infer(MODEL, [texts("I love it.", binary=True)], model_version="1.0.0")
    assert answer.as_numpy("label").tolist() == [b"positive"]
    assert answer.as_numpy("confidence").shape == (1,)


def test_metadata_health_and_statistics(server: triton.InferenceServerClient) -> None:
    assert server.is_server_live()
    assert server.is_server_ready()
    assert server.is_model_ready(MODEL)
    assert server.is_model_ready(MODEL, "1.0.0")
    assert not server.is_model_ready("oracle")
    assert server.get_server_metadata()["name"] == "prediction-service"
    metadata = server.get_model_metadata(MODEL)
    assert metadata["versions"] == ["1.0.0"]
    assert metadata["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    server.infer(MODEL, [texts("One.", "Two.", binary=True)])
    (statistics,) = server.get_inference_statistics(MODEL, "1.0.0")["model_stats"]
    assert (statistics["inference_count"], statistics["execution_count"]) == (2, 1)
    assert statistics["inference_stats"]["success"]["count"] == 1
    assert statistics["batch_stats"][0]["batch_size"] == 2
    assert server.get_inference_statistics()["model_stats"][0] == statistics


def test_models_are_unloaded_and_loaded_by_those_who_may(server: triton.InferenceServerClient) -> None:
    for forbidden in (server.unload_model, server.load_model):
        with pytest.raises(InferenceServerException, match="admin token"):
            forbidden(MODEL)
    server.unload_model(MODEL, headers=ADMIN)
    assert not server.is_model_ready(MODEL)
    assert not server.is_server_ready()
    states = {model["name"]: model["state"] for model in server.get_model_repository_index()}
    assert states[MODEL] == "UNAVAILABLE"
    with pytest.raises(InferenceServerException, match="is loaded"):
        server.infer(MODEL, [texts("I love it.", binary=True)])
    server.load_model(MODEL, headers=ADMIN)
    assert server.is_model_ready(MODEL)
    for instead in ({"config": '{"max_batch_size": 8}'}, {"config": "{}", "files": {"file:1/model.onnx": b"other"}}):
        with pytest.raises(InferenceServerException, match="what a model is, its folder says"):
            server.load_model(MODEL, headers=ADMIN, **instead)
    with pytest.raises(InferenceServerException, match="no model 'oracle'"):
        server.load_model("oracle", headers=ADMIN)
