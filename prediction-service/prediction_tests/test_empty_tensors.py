"""Outputs and inputs of no elements, as Triton's client reads and writes them: their datatype and shape hold."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton

from prediction_service.signature.datatypes import NUMPY
from prediction_tests.python_models import python_model
from prediction_tests.service import QUICK_DEFAULT, QUICK_MODELS, StartService, until_loaded

SHAPES = {"flat": [-1], "open": [-1, 3], "within": [2, -1, 3], "none": [0]}
"""Of one row, as they are declared; rows give as many elements as `size` says."""

MANIFEST = """
task_type = "generic"
[[inputs]]
name = "size"
type = "integer"
[[inputs]]
name = "words"
type = "tensor"
datatype = "BYTES"
shape = [-1]
[runtime]
kind = "python"
"""

MODEL = """
import numpy as np

SHAPES = {shapes!r}
NUMPY = {kinds!r}

def predict(rows):
    return [outputs(row["size"], row["words"]) for row in rows]

def outputs(size, words):
    given = {{"words": words, "as lists": []}}
    for name, shape in SHAPES.items():
        for datatype, kind in NUMPY.items():
            array = np.zeros([size if each == -1 else each for each in shape], kind)
            given[f"{{name}} {{datatype}}"] = array.astype(str).astype(object) if datatype == "BYTES" else array
    return given
"""


def declared(name: str, datatype: str, shape: list[int]) -> str:
    return f'[[outputs]]\nname = "{name}"\ndatatype = "{datatype}"\nshape = {shape}\n'


def inputs_of(size: int, *words: list[str], binary: bool) -> list[triton.InferInput]:
    """A row for each list of words."""
    texts = np.array(words, dtype=object).reshape(len(words), -1)
    tensors = [("size", "INT64", np.full(len(words), size)), ("words", "BYTES", texts)]
    inputs = []
    for name, datatype, array in tensors:
        inputs.append(triton.InferInput(name, list(array.shape), datatype))
        inputs[-1].set_data_from_numpy(array, binary_data=binary)
    return inputs


async def infer(client: httpx.AsyncClient, model: str, inputs: list[Any], names: list[str], *, binary: bool) -> Any:
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in names]
    body, length = triton.InferenceServerClient.generate_request_body(inputs, outputs=outputs)
    headers = {} if length is None else {"Inference-Header-Content-Length": str(length)}
    answer = await client.post(f"/v2/models/{model}/infer", content=bytes(body), headers=headers)
    assert answer.status_code == 200, answer.text
    of_json = answer.headers.get("Inference-Header-Content-Length")
    return triton.InferenceServerClient.parse_response_body(
        answer.content, header_length=None if of_json is None else int(of_json)
    )


@pytest.fixture
async def client(start_service: StartService, tmp_path: Path) -> httpx.AsyncClient:
    """Serves `declared`, whose outputs stand in its manifest, and `undeclared`."""
    models = tmp_path / "models"
    models.mkdir()
    (models / QUICK_DEFAULT).symlink_to((QUICK_MODELS / QUICK_DEFAULT).resolve())
    code = MODEL.format(shapes=SHAPES, kinds=NUMPY)
    outputs = [declared(f"{name} {kind}", kind, shape) for name, shape in SHAPES.items() for kind in NUMPY]
    outputs += [declared("words", "BYTES", [-1]), declared("as lists", "FP32", [-1, 2])]
    python_model(models, code, "\n".join([MANIFEST.replace("[runtime]", "".join(outputs) + "[runtime]")]), "declared")
    python_model(models, code, MANIFEST, "undeclared")
    return await until_loaded(await start_service(models_dir=models), "declared", "undeclared")


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
async def test_an_output_without_elements_keeps_its_datatype_and_shape(client: httpx.AsyncClient, binary: bool) -> None:
    """Whatever its rank; and the outputs behind it in the same body are what they were."""
    names = [f"{name} {datatype}" for datatype in NUMPY for name in SHAPES]
    for size, rows in ((0, 1), (0, 3), (2, 2)):
        inputs = inputs_of(size, *[["a", "ü"]] * rows, binary=binary)
        answer = await infer(client, "declared", inputs, [*names, "as lists", "words"], binary=binary)
        for name in names:
            shape, datatype = SHAPES[name.split()[0]], name.split()[1]
            found = answer.as_numpy(name)
            assert answer.get_output(name)["datatype"] == datatype
            assert list(found.shape) == [rows, *(size if each == -1 else each for each in shape)], name
            assert found.dtype == np.dtype(NUMPY[datatype]), name
        assert answer.as_numpy("as lists").shape == (rows, 0, 2)
        words = [word.decode() if binary else word for word in answer.as_numpy("words").flatten()]
        assert words == ["a", "ü"] * rows


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
async def test_an_input_without_elements_comes_back(client: httpx.AsyncClient, binary: bool) -> None:
    answer = await infer(client, "declared", inputs_of(1, [], [], binary=binary), ["words"], binary=binary)
    assert answer.as_numpy("words").shape == (2, 0)


async def test_where_nobody_declared_what_would_be_in_it_it_is_json(client: httpx.AsyncClient) -> None:
    """As rows of different lengths are, of which one may be empty: no datatype is made up."""
    answer = await infer(client, "undeclared", inputs_of(0, ["a"], binary=True), ["flat FP32", "words"], binary=True)
    assert answer.get_output("flat FP32")["parameters"]["encoding"] == "json"
    assert answer.as_numpy("flat FP32").tolist() == [b"[]"]
    assert answer.as_numpy("words").tolist() == [[b"a"]]
