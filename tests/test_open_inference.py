"""The unmodified Triton client through the gateway: the protocol, the limit on inference, the record."""

from collections.abc import Iterator

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from shared.testing.admin import ADMIN
from tests.stack import LocalStack

MODEL = "sentiment-lexicon"


@pytest.fixture
def server(stack: LocalStack) -> Iterator[triton.InferenceServerClient]:
    client = triton.InferenceServerClient(f"127.0.0.1:{stack.port}")
    yield client
    client.close()


def texts(*values: str, binary: bool = True) -> triton.InferInput:
    tensor = triton.InferInput("text", [len(values)], "BYTES")
    tensor.set_data_from_numpy(np.array(values, dtype=np.object_), binary_data=binary)
    return tensor


def test_server_and_model_tell_about_themselves(server: triton.InferenceServerClient) -> None:
    assert server.is_server_live()
    assert server.is_server_ready()
    assert server.is_model_ready(MODEL)
    assert server.get_model_metadata(MODEL)["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert MODEL in {model["name"] for model in server.get_model_repository_index()}
    assert server.get_inference_statistics(MODEL)["model_stats"]


@pytest.mark.parametrize("binary", [True, False])
def test_inference_is_answered_and_counted(
    server: triton.InferenceServerClient, stack: LocalStack, new_address: str, binary: bool
) -> None:
    def count() -> int:
        return httpx.get(f"{stack.url}/metrics/count").json()["total_predictions"]

    before = count()
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("label", "confidence")]
    answer = server.infer(
        MODEL,
        [texts("I love it.", "Terrible.", binary=binary)],
        outputs=outputs,
        headers={"X-Forwarded-For": new_address},
    )
    assert [str(label).strip("b'") for label in answer.as_numpy("label").tolist()] == ["positive", "negative"]
    assert count() == before + 2


def test_feedback_by_a_clients_prediction_ids(
    server: triton.InferenceServerClient, stack: LocalStack, new_address: str
) -> None:
    outputs = [triton.InferRequestedOutput(name) for name in ("prediction_id", "label", "scores")]
    answer = server.infer(
        MODEL, [texts("I love it.", "Terrible.")], outputs=outputs, headers={"X-Forwarded-For": new_address}
    )
    identifiers = [each.decode() for each in answer.as_numpy("prediction_id")]
    assert answer.as_numpy("scores").shape == (2, 3)
    body = {"prediction_id": identifiers[0], "label": answer.as_numpy("label")[0].decode()}
    given = httpx.post(f"{stack.url}/feedback", json=body, headers={"X-Forwarded-For": new_address})
    assert given.status_code == 200, given.text


def test_the_configuration_is_served(server: triton.InferenceServerClient) -> None:
    configuration = server.get_model_config(MODEL)
    assert configuration["input"] == [{"name": "text", "data_type": "TYPE_STRING", "dims": [1], "optional": False}]


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_the_request_may_be_compressed(server: triton.InferenceServerClient, new_address: str, algorithm: str) -> None:
    answer = server.infer(
        MODEL,
        [texts("I love it.")],
        headers={"X-Forwarded-For": new_address},
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    assert answer.as_numpy("label").tolist() == [b"positive"]


def test_the_callers_deadline_reaches_the_model(server: triton.InferenceServerClient, new_address: str) -> None:
    slow = "\N{GRINNING FACE}" * 10_000
    headers = {"X-Forwarded-For": new_address, "X-Request-Timeout": "0.001"}
    with pytest.raises(InferenceServerException, match=r"within the 0\.001 s"):
        server.infer(MODEL, [texts(*[slow] * 20)], headers=headers)


def test_a_wrong_method_is_a_405_that_names_the_right_one(client: httpx.Client) -> None:
    answer = client.get(f"/v2/models/{MODEL}/infer")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_beyond_the_limit_the_client_reads_why(server: triton.InferenceServerClient, new_address: str) -> None:
    headers = {"X-Forwarded-For": new_address}
    for _ in range(60):
        server.infer(MODEL, [texts("Again.")], headers=headers)
    with pytest.raises(InferenceServerException, match="used up its quota"):
        server.infer(MODEL, [texts("Again.")], headers=headers)
    assert server.is_server_live(headers=headers)


def test_models_are_loaded_and_unloaded(server: triton.InferenceServerClient) -> None:
    server.unload_model("spam-words", headers=ADMIN)
    assert not server.is_model_ready("spam-words")
    server.load_model("spam-words", headers=ADMIN)
    assert server.is_model_ready("spam-words")
