"""What a request gives is what the model is given, or it is told which input is wrong."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.folders.manifest_file import ManifestError, read_manifest
from prediction_service.signature.datatypes import MAX_ELEMENTS, NUMPY
from prediction_service.signature.signature import InputFaults, length_of, stored_inputs
from prediction_service.signature.tensors import read_tensor
from prediction_service.stored import Stored

TABLE = """
task_type = "regression"
[[inputs]]
name = "rooms"
type = "number"
[[inputs]]
name = "floor"
type = "integer"
default = 0
[[inputs]]
name = "city"
type = "category"
values = ["Ankara", "Izmir"]
[[inputs]]
name = "street"
type = "category"
values = ["High Street"]
other = true
required = false
[[inputs]]
name = "has lift"
type = "boolean"
required = false
[[inputs]]
name = "built"
type = "timestamp"
required = false
[[inputs]]
name = "note"
type = "text"
required = false
[[inputs]]
name = "picture"
type = "tensor"
datatype = "FP32"
shape = [2, -1]
required = false
[runtime]
kind = "onnx"
"""
ROW = {"rooms": 3, "city": "Izmir"}
READ = (3.0, 0, "Izmir", None, None, None, None, None)


def manifest_of(folder: Path, text: str) -> Manifest:
    (folder / "model.toml").write_text(text)
    return read_manifest(folder)


@pytest.fixture
def table(tmp_path: Path) -> Manifest:
    return manifest_of(tmp_path, TABLE)


def faults(manifest: Manifest, row: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InputFaults) as raised:
        manifest.signature.read(row)
    return raised.value.faults


def faults_or_none(manifest: Manifest, row: dict[str, Any]) -> set[str]:
    try:
        manifest.signature.read(row)
    except InputFaults as error:
        return set(error.faults)
    return set()


def test_what_may_be_left_out_is_its_default_or_nothing(table: Manifest) -> None:
    assert table.signature.read(ROW) == READ
    assert table.signature.read({**ROW, "floor": None, "note": None}) == READ


def test_every_type_is_what_the_model_is_given(table: Manifest) -> None:
    row = {
        **ROW,
        "floor": 2.0,
        "street": "Another Street",
        "has lift": True,
        "built": "1998-05-01T12:00:00+02:00",
        "note": "",
        "picture": [[1, 2.5], [3, 4]],
    }
    *values, picture = table.signature.read(row)
    assert values == [3.0, 2, "Izmir", "Another Street", True, datetime(1998, 5, 1, 10, tzinfo=UTC), ""]
    assert picture.dtype == np.float32
    assert picture.tolist() == [[1, 2.5], [3, 4]]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rooms", None, "is missing"),
        ("rooms", "3", "must be a number"),
        ("rooms", True, "must be a number"),
        ("rooms", math.nan, "finite"),
        ("rooms", -math.inf, "finite"),
        ("rooms", 10**400, "finite"),
        ("floor", 2.5, "whole number"),
        ("floor", False, "whole number"),
        ("floor", 2**63, "64 bits"),
        ("floor", "2", "whole number"),
        ("city", "Bursa", "must be one of Ankara, Izmir"),
        ("city", 1, "must be a text"),
        ("street", "x" * 10_001, "at most 10000 characters"),
        ("street", "a\0b", "NUL"),
        ("has lift", 1, "true or false"),
        ("has lift", "true", "true or false"),
        ("built", "1998-05-01", "with its zone"),
        ("built", "1998-05-01T12:00:00", "with its zone"),
        ("built", "1998-02-30T12:00:00Z", "that exists"),
        ("built", 893_000_000, "with its zone"),
        ("note", 7, "must be a text"),
        ("note", "\ud800", "surrogate"),
        ("picture", [1, 2], "2 deep"),
        ("picture", [[1, 2], [3]], "equal lengths"),
        ("picture", [[1, 2], [3, 4], [5, 6]], "shape"),
        ("picture", [[1, "2"], [3, 4]], "FP32"),
        ("picture", [[1, None], [3, 4]], "FP32"),
        ("picture", [[1, 1e39], [3, 4]], "finite"),
        ("picture", {"a": 1}, "2 deep"),
    ],
)
def test_a_wrong_input_is_named(table: Manifest, name: str, value: Any, message: str) -> None:
    found = faults(table, {**ROW, name: value})
    assert found.keys() == {name}
    assert message in found[name]


def test_all_that_is_wrong_is_told_at_once(table: Manifest) -> None:
    found = faults(table, {"rooms": "x", "Rooms": 3})
    assert found.keys() == {"rooms", "city", "Rooms"}
    assert "is no input of this model, which takes rooms, floor, city" in found["Rooms"]


def test_a_model_of_one_text_takes_it_as_an_input_too(tmp_path: Path) -> None:
    signature = manifest_of(tmp_path, 'labels = ["a", "b"]\n[runtime]\nkind = "onnx"\n').signature
    assert signature.read({"text": "good"}) == "good"
    assert signature.names == ["text"]
    for row, name in (({}, "text"), ({"text": " "}, "text"), ({"text": 3}, "text"), ({"text": "a", "b": 1}, "b")):
        with pytest.raises(InputFaults) as raised:
            signature.read(row)
        assert raised.value.faults.keys() == {name}


def test_what_is_kept_is_json_without_the_numbers_of_tensors(table: Manifest) -> None:
    row = {**ROW, "built": "1998-05-01T12:00:00Z", "note": "old", "picture": [[1, 2], [3, 4]]}
    instance = table.signature.read(row)
    assert length_of(instance) == len("Izmir") + len("old")
    kept = stored_inputs(table.signature, instance)
    assert kept is not None
    assert kept["built"] == "1998-05-01T12:00:00+00:00"
    assert kept["picture"] == {"datatype": "FP32", "shape": [2, 2]}
    assert kept["street"] is None


def test_inputs_that_are_never_stored_are_left_out_and_a_mistyped_one_leaves_out_all(table: Manifest) -> None:
    instance = table.signature.read(ROW)
    kept = stored_inputs(table.signature, instance)
    assert kept is not None

    def stored(inputs: bool | frozenset[str], *never: tuple[str, str]) -> dict[str, Any] | None:
        return Stored(texts=False, inputs=inputs, never=never).inputs_of("a", table.signature, instance)

    assert stored(True) == stored(frozenset({"a"})) == stored(True, ("b", "city"), ("*", "iban")) == kept
    assert stored(False) is stored(frozenset({"b"})) is None
    without_city = {name: value for name, value in kept.items() if name != "city"}
    assert stored(True, ("a", "city")) == stored(True, ("*", "city")) == without_city
    assert stored(True, ("a", "ctiy")) is None


@given(st.floats() | st.integers() | st.text() | st.booleans() | st.none() | st.lists(st.floats(), max_size=3))
def test_whatever_comes_is_read_or_refused_by_name(value: Any) -> None:
    manifest = Manifest.model_validate(
        {
            "task_type": "generic",
            "inputs": [
                {"name": kind, "type": kind, "required": False}
                for kind in ("text", "number", "integer", "boolean", "timestamp")
            ]
            + [
                {"name": "category", "type": "category", "values": ["a"], "required": False},
                {"name": "tensor", "type": "tensor", "datatype": "INT64", "shape": [-1], "required": False},
            ],
            "runtime": {"kind": "onnx"},
        }
    )
    for name in manifest.signature.names:
        assert faults_or_none(manifest, {name: value}) <= {name}


@pytest.mark.parametrize("datatype", NUMPY)
def test_a_tensor_of_every_datatype_holds_what_it_can(datatype: str) -> None:
    values: list[Any] = ["a", "ü"] if datatype == "BYTES" else [True, False] if datatype == "BOOL" else [0, 100]
    array = read_tensor(values, datatype, [2])
    assert array.dtype == np.dtype(NUMPY[datatype])
    assert array.tolist() == values
    with pytest.raises(ValueError, match=r"can hold|fit"):
        read_tensor([0.5, 1.5] if datatype[:2] != "FP" else ["a", "b"], datatype, [2])


@pytest.mark.parametrize(("datatype", "value"), [("UINT8", 256), ("UINT8", -1), ("INT8", 128), ("INT64", 2**63)])
def test_a_number_beyond_its_datatype_is_refused(datatype: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"fit {datatype}"):
        read_tensor([value], datatype, [1])


@pytest.mark.parametrize(
    ("inputs", "fault"),
    [
        (
            '[[inputs]]\nname = "a"\ntype = "number"\n[[inputs]]\nname = "a"\ntype = "text"\n',
            "inputs: .*a stands there twice",
        ),
        ('[[inputs]]\nname = "a"\ntype = "float"\n', "inputs.0: .*'float'"),
        ('[[inputs]]\nname = "a"\ntype = "category"\n', "values: Field required"),
        ('[[inputs]]\nname = "a"\ntype = "category"\nvalues = ["x", "x"]\n', "stands there twice"),
        ('[[inputs]]\nname = "a"\ntype = "category"\nvalues = ["x"]\ndefault = "y"\n', "default must be one of x"),
        ('[[inputs]]\nname = "a"\ntype = "number"\ndefault = inf\n', "default must be a finite number"),
        ('[[inputs]]\nname = "a"\ntype = "number"\ndefault = true\n', r"inputs\.0\.number\.default"),
        ('[[inputs]]\nname = "a"\ntype = "number"\ndefault = "3"\n', r"inputs\.0\.number\.default"),
        ('[[inputs]]\nname = "a"\ntype = "integer"\ndefault = 3.5\n', "default must be a whole number"),
        ('[[inputs]]\nname = "a"\ntype = "boolean"\ndefault = 1\n', r"inputs\.0\.boolean\.default"),
        ('[[inputs]]\nname = "a"\ntype = "number"\nrequired = "no"\n', r"inputs\.0\.number\.required"),
        ('[[inputs]]\nname = "a"\ntype = "tensor"\ndatatype = "FP32"\nshape = [true]\n', r"tensor\.shape\.0"),
        ('[[inputs]]\nname = ""\ntype = "number"\n', "name"),
        ('[[inputs]]\nname = "a"\ntype = "number"\nunit = "m"\n', "unit: Extra inputs"),
        ('[[inputs]]\nname = "a"\ntype = "tensor"\ndatatype = "FP8"\nshape = [1]\n', "datatype"),
        (
            '[[inputs]]\nname = "a"\ntype = "tensor"\ndatatype = "FP32"\nshape = [1000, 1000, 1000]\n',
            "more than 4,194,304",
        ),
        ('[[inputs]]\nname = "a"\ntype = "tensor"\ndatatype = "FP32"\nshape = [-2]\n', "shape"),
    ],
)
def test_an_input_that_makes_no_sense_is_told_with_its_place(tmp_path: Path, inputs: str, fault: str) -> None:
    with pytest.raises(ManifestError, match=fault):
        manifest_of(tmp_path, f'task_type = "generic"\n{inputs}[runtime]\nkind = "onnx"\n')


def test_the_largest_tensor_is_bounded_whatever_its_declared_shape() -> None:
    with pytest.raises(ValueError, match="at most 4,194,304 elements"):
        read_tensor(np.zeros(MAX_ELEMENTS + 1, dtype=np.int8), "INT8", [-1])
