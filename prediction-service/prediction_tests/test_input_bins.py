"""Inputs fall into the bins of the model's baseline, and are recorded so; what has none costs nothing."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_service.models.baseline import read_baseline
from prediction_service.models.folders.manifest_file import read_manifest
from prediction_service.signature.bins import InputBins
from prediction_service.signature.inputs import CategoryInput, NumberInput
from prediction_service.signature.signature import Signature
from prediction_tests.service import QUICK_MODELS, StartService, until_loaded
from prediction_tests.test_signature import ROW, TABLE
from shared.contracts.baseline import ModelBaseline
from shared.testing.postgres import Database

CHURN = Path(__file__).parent / "exports" / "tables" / "skl2onnx-churn"
INPUTS: dict[str, Any] = {
    "rooms": {"edges": [1.0, 2.5], "counts": [1, 1, 1]},
    "city": {"values": ["Izmir"], "counts": [3]},
    "has lift": {"values": ["false", "true"], "counts": [1, 2]},
    "built": {"edges": [0.0], "counts": [1, 1]},
}


@pytest.fixture
def signature(tmp_path: Path) -> Signature:
    (tmp_path / "model.toml").write_text(TABLE)
    return read_manifest(tmp_path).signature


def bins_of(signature: Signature, inputs: dict[str, Any], row: dict[str, Any]) -> dict[str, int | None]:
    bins = InputBins(signature, ModelBaseline.model_validate({"inputs": inputs}).inputs)
    return dict(zip(signature.names, *bins.of([signature.read(row)]), strict=True))


def test_every_type_has_bins_of_its_own(signature: Signature) -> None:
    full = ROW | {"rooms": 2.5, "has lift": True, "built": "1969-12-31T23:59:59Z"}
    found = bins_of(signature, INPUTS, full)
    assert (found["rooms"], found["city"], found["has lift"], found["built"]) == (2, 0, 1, 0)
    assert (found["floor"], found["note"], found["picture"]) == (None, None, None)
    other = bins_of(signature, INPUTS, ROW | {"rooms": 0, "city": "Ankara"})
    assert (other["rooms"], other["city"], other["has lift"], other["built"]) == (0, 1, -1, -1)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20, unique=True), st.floats(-2e6, 2e6))
def test_numbers_fall_where_numpy_puts_them(edges: list[float], value: float) -> None:
    edges = sorted(edges)
    counted = ModelBaseline.model_validate({"inputs": {"x": {"edges": edges, "counts": [0] * (len(edges) + 1)}}})
    assert counted.inputs["x"].bin_of(value) == np.digitize(value, edges)  # type: ignore[union-attr]


@given(
    st.lists(st.none() | st.floats(allow_infinity=False), max_size=9), st.lists(st.sampled_from([None, "a", "b", "c"]))
)
def test_a_column_is_sorted_as_its_values_are_one_by_one(numbers: list[float | None], words: list[str | None]) -> None:
    inputs = {"x": {"edges": [-1.0, 0.0, 2.5], "counts": [0] * 4}, "w": {"values": ["b", "a"], "counts": [0, 0]}}
    counted = ModelBaseline.model_validate({"inputs": inputs}).inputs
    declared = [NumberInput(name="x", type="number"), CategoryInput(name="w", type="category", values=["a", "b"])]
    instances = list(zip(numbers, words, strict=False))
    wanted = [(counted["x"].bin_of(number), counted["w"].bin_of(word)) for number, word in instances]
    assert InputBins(Signature(declared), counted).of(instances) == wanted


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"Rooms": INPUTS["rooms"]}, "inputs: Rooms is no input of the model"),
        ({"rooms": INPUTS["city"]}, "inputs: rooms is of the type number, which has no values"),
        ({"city": INPUTS["rooms"]}, "inputs: city is of the type category, which has no edges"),
        ({"note": INPUTS["city"]}, "inputs: note is of the type text, which has no values"),
    ],
)
def test_bins_of_something_else_are_left_out_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], inputs: dict[str, Any], reason: str
) -> None:
    (tmp_path / "model.toml").write_text(TABLE)
    (tmp_path / "baseline.json").write_text(json.dumps({"inputs": inputs}))
    assert read_baseline(tmp_path, read_manifest(tmp_path)) is None
    assert reason in capsys.readouterr().out


async def test_bins_and_names_of_inputs_are_recorded(
    start_service: StartService, database: Database, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    shutil.copytree(QUICK_MODELS, models)
    shutil.copytree(CHURN, models / "churn" / "1.0.0")
    inputs = {"age": {"edges": [30.0, 60.0], "counts": [5, 5, 5]}, "plan": {"values": ["basic"], "counts": [9]}}
    (models / "churn" / "1.0.0" / "baseline.json").write_text(json.dumps({"inputs": inputs}))
    client = await until_loaded(await start_service(models_dir=models), "churn")
    row = {"monthly fee": 20.5, "calls": 3, "plan": "basic", "city": "Izmir"}
    answer = await client.post("/predict/batch", json={"rows": [row, row | {"age": 60}], "model_name": "churn"})
    assert answer.status_code == 200, answer.text
    await client.post("/predict", json={"text": "Fine."})
    recorded = await database.fetch("SELECT input_bins FROM predictions.prediction ORDER BY prediction_id")
    assert [one["input_bins"] for one in recorded] == [[-1, None, None, 0, None], [2, None, None, 0, None], None]
    (told,) = await database.fetch("SELECT * FROM predictions.model WHERE model_name = 'churn'")
    assert told["input_names"] == ["age", "monthly fee", "calls", "plan", "city"]
    assert json.loads(told["baseline"])["inputs"] == inputs


def test_a_timestamp_is_sorted_by_its_moment_whatever_its_zone(signature: Signature) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC)
    for told in (moment.isoformat(), "1970-01-01T02:00:00+02:00"):
        assert bins_of(signature, INPUTS, ROW | {"built": told})["built"] == 1
