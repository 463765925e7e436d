"""Input tensors become what a model is given, as its manifest declares the inputs; what does not fit is a clear 400."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pytest
import tritonclient.http as triton
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tritonclient.utils import triton_to_np_dtype

from prediction_service.inference_protocol.errors import BadInference
from prediction_service.inference_protocol.instances import instances_of
from prediction_service.inference_protocol.reading import read_request
from prediction_service.models.folders.manifest_file import parse
from prediction_service.signature.signature import Signature

MANIFEST = """
task_type = "generic"
[runtime]
kind = "onnx"
"""

CHURN = """
[[inputs]]
name = "age"
type = "number"
required = false
[[inputs]]
name = "calls"
type = "integer"
[[inputs]]
name = "late"
type = "boolean"
default = false
[[inputs]]
name = "plan"
type = "category"
values = ["basic", "premium"]
[[inputs]]
name = "since"
type = "timestamp"
required = false
[[inputs]]
name = "note"
type = "text"
default = ""
"""

NUMBERS = """
[[inputs]]
name = "age"
type = "number"
required = false
[[inputs]]
name = "calls"
type = "integer"
[[inputs]]
name = "late"
type = "boolean"
"""

IMAGE = """
[[inputs]]
name = "image"
type = "tensor"
datatype = "FP32"
shape = [2, -1]
[[inputs]]
name = "words"
type = "tensor"
datatype = "BYTES"
shape = [2]
required = false
"""


def signature(inputs: str) -> Signature:
    return parse((MANIFEST + inputs).encode()).signature


def tensor(name: str, datatype: str, shape: list[int], data: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data} | more


def instances(inputs: str, *tensors: dict[str, Any]) -> list[Any]:
    return list(instances_of(signature(inputs), read_request(orjson.dumps({"inputs": tensors}), None).tensors))


CALLS = tensor("calls", "INT64", [2], [3, 4])
PLAN = tensor("plan", "BYTES", [2, 1], [["basic"], ["premium"]])


def test_columns_become_rows() -> None:
    given = instances(
        CHURN,
        tensor("note", "BYTES", [2], ["", "why?"]),
        CALLS,
        PLAN,
        tensor("late", "BOOL", [2], [True, False]),
        tensor("age", "FP64", [2, 1], [41.5, 7]),
        tensor("since", "BYTES", [2], ["2026-01-31T08:30:00Z", None]),
    )
    moment = datetime(2026, 1, 31, 8, 30, tzinfo=UTC)
    assert given == [(41.5, 3, True, "basic", moment, ""), (7.0, 4, False, "premium", None, "why?")]
    assert [type(value) for value in given[1]] == [float, int, bool, str, type(None), str]


def test_what_may_be_missing_may_be_left_out_or_null() -> None:
    given = instances(CHURN, CALLS, PLAN, tensor("age", "FP32", [2], [None, 0.5]))
    assert given == [(None, 3, False, "basic", None, ""), (0.5, 4, False, "premium", None, "")]


@pytest.mark.parametrize(
    ("datatype", "data", "expected"),
    [
        ("FP16", [0.5, 65504], [0.5, 65504.0]),
        ("FP32", [0.1, 3], [float(np.float32(0.1)), 3.0]),
        ("FP64", [0.1, 1e300], [0.1, 1e300]),
        ("INT8", [-128, 127], [-128.0, 127.0]),
        ("UINT32", [0, 4294967295], [0.0, 4294967295.0]),
        ("INT64", [-(2**53), 2**60], [-(2.0**53), 2.0**60]),
        ("UINT64", [0, 2**63], [0.0, 2.0**63]),
    ],
)
def test_a_number_comes_in_any_datatype_of_numbers(datatype: str, data: list[float], expected: list[float]) -> None:
    given = instances(CHURN, CALLS, PLAN, tensor("age", datatype, [2], data))
    assert [row[0] for row in given] == expected


@pytest.mark.parametrize(
    ("datatype", "data"), [("UINT8", [1, 255]), ("FP64", [1.0, 2.0**60]), ("UINT64", [0, 2**63 - 1])]
)
def test_a_whole_number_comes_in_any_datatype_of_numbers(datatype: str, data: list[Any]) -> None:
    given = instances(CHURN, tensor("calls", datatype, [2], data), PLAN)
    assert [row[1] for row in given] == [int(number) for number in data]
    assert {type(row[1]) for row in given} == {int}


def test_a_table_of_numbers_comes_in_one_tensor() -> None:
    """As MLServer's clients send it to models of scikit-learn, which know no names."""
    table = tensor("predict", "FP32", [2, 3], [[41.5, 3, 1], [7, 4, 0]])
    assert instances(NUMBERS, table) == [(41.5, 3, True), (7.0, 4, False)]
    with_nulls = tensor("input-0", "FP64", [2, 3], [None, 3, 1, 7, 4, 0])
    assert instances(NUMBERS, with_nulls) == [(None, 3, True), (7.0, 4, False)]


def test_tensors_are_given_row_by_row() -> None:
    (first, words), (second, others) = instances(
        IMAGE,
        tensor("image", "FP32", [2, 2, 3], [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]]),
        tensor("words", "BYTES", [2, 2], ["a", "b", "c", "d"]),
    )
    assert (first.dtype, first.shape) == (np.float32, (2, 3))
    np.testing.assert_array_equal(second, [[7, 8, 9], [10, 11, 12]])
    assert (words.tolist(), others.tolist()) == (["a", "b"], ["c", "d"])


AGE = tensor("age", "FP64", [2], [1, 2])
IMAGE_OF_ONE = tensor("image", "FP32", [1, 2, 1], [1, 2])
BAD: list[tuple[str, list[dict[str, Any]], str]] = [
    (CHURN, [CALLS], "Input 'plan': is missing."),
    (
        CHURN,
        [CALLS, PLAN, tensor("fee", "FP32", [2], [1, 2])],
        "'fee': is no input of this model, which takes age, calls,",
    ),
    (CHURN, [CALLS, PLAN, CALLS], "Input 'calls': stands there twice."),
    (CHURN, [CALLS, PLAN, tensor("age", "FP64", [1], [1])], "Input 'age': has 1 rows, and 'calls' has 2."),
    (
        CHURN,
        [CALLS, tensor("plan", "BYTES", [2], ["basic", "gold"])],
        "Input 'plan', row 1: must be one of basic, premium.",
    ),
    (CHURN, [CALLS, tensor("plan", "BYTES", [2], ["basic", None])], "Input 'plan', row 1: is missing."),
    (CHURN, [CALLS, tensor("plan", "INT64", [2], [0, 1])], "Input 'plan': has datatype BYTES, not INT64."),
    (CHURN, [PLAN, tensor("calls", "BYTES", [2], ["3", "4"])], "Input 'calls': has datatype INT64, not BYTES."),
    (CHURN, [PLAN, tensor("calls", "BOOL", [2], [True, False])], "Input 'calls': has datatype INT64, not BOOL."),
    (CHURN, [PLAN, tensor("calls", "FP32", [2], [3, 4.5])], "Input 'calls', row 1: must be a whole number."),
    (
        CHURN,
        [PLAN, tensor("calls", "UINT64", [2], [3, 2**63])],
        "Input 'calls', row 1: must be a whole number of 64 bits.",
    ),
    (
        CHURN,
        [PLAN, tensor("calls", "INT64", [2, 2], [3, 4, 5, 6])],
        "Input 'calls': has shape [n] or [n, 1], and not [2, 2].",
    ),
    (
        CHURN,
        [CALLS, PLAN, tensor("age", "INT64", [2], [1, 2**53 + 1])],
        "'age', row 1: has more digits than a double holds.",
    ),
    (CHURN, [CALLS, PLAN, tensor("age", "BOOL", [2], [True, False])], "Input 'age': has datatype FP64, not BOOL."),
    (CHURN, [CALLS, PLAN, tensor("age", "FP16", [2], [1, 70000])], "Input 'age': has a number that FP16 cannot hold."),
    (CHURN, [CALLS, PLAN, tensor("age", "FP64", [2], ["1", "2"])], "Input 'age': data must be what FP64 can hold."),
    (CHURN, [CALLS, PLAN, tensor("late", "UINT8", [2], [1, 2])], "Input 'late', row 1: must be true or false."),
    (CHURN, [CALLS, PLAN, tensor("late", "BOOL", [2], [1, 0])], "Input 'late': data must be what BOOL can hold."),
    (CHURN, [CALLS, PLAN, tensor("since", "BYTES", [2], ["2026-01-31", "x"])], "Input 'since', row 0: must be a time"),
    (
        CHURN,
        [CALLS, PLAN, tensor("note", "BYTES", [2], ["a", "b\0"])],
        "Input 'note', row 1: must not contain the character NUL.",
    ),
    (CHURN, [tensor("calls", "INT8", [2], [3, 128]), PLAN], "Input 'calls': data must be what INT8 can hold."),
    (CHURN, [tensor("calls", "INT64", [2], [3, 2**63]), PLAN], "Input 'calls': data must be what INT64 can hold."),
    (CHURN, [tensor("calls", "INT64", [2], [3, 4.0]), PLAN], "Input 'calls': data must be what INT64 can hold."),
    (CHURN, [tensor("calls", "BF16", [2], [3, 4]), PLAN], "the datatype BF16 is not known here; send FP32."),
    (CHURN, [tensor("calls", "int64", [2], [3, 4]), PLAN], "the datatype int64 is not known here."),
    (CHURN, [tensor("calls", "INT64", [3], [3, 4]), PLAN], "Input 'calls': the shape says 3 elements, there are 2."),
    (CHURN, [tensor("calls", "INT64", [10**9], [3, 4]), PLAN], "At most 256 rows at once."),
    (
        CHURN,
        [tensor("calls", "INT64", [2, 10**9], [3, 4]), PLAN],
        "Input 'calls': must have at most 4,194,304 elements.",
    ),
    (CHURN, [tensor("calls", "INT64", [-2], [3, 4]), PLAN], "Input 'calls': has shape [n] or [n, …], n at least 1"),
    (CHURN, [tensor("calls", "INT64", [2, -1], [3, 4]), PLAN], "Input 'calls': has shape [n] or [n, …], n at least 1"),
    (CHURN, [tensor("calls", "INT64", [0], []), PLAN], "n at least 1, and not [0]."),
    (CHURN, [tensor("calls", "INT64", [257], [3] * 257), PLAN], "At most 256 rows at once."),
    (CHURN, [tensor("calls", "INT64", [2], None), PLAN], "Input 'calls': has no data."),
    (CHURN, [tensor("calls", "INT64", [2, 1], [[3, 4], [5]]), PLAN], "lists of equal lengths"),
    (CHURN, [], "This model takes age, calls,"),
    (NUMBERS, [tensor("predict", "FP32", [2, 4], [1] * 8)], "takes age, calls, late, or one tensor [n, 3] of numbers."),
    (NUMBERS, [tensor("predict", "FP32", [1, 3], [1, 2.5, 1])], "Input 'calls', row 0: must be a whole number."),
    (NUMBERS, [tensor("predict", "BYTES", [1, 3], ["1", "2", "1"])], "'predict': is no input of this model"),
    (NUMBERS, [tensor("predict", "FP32", [1, 3], [1, None, 1])], "Input 'calls', row 0: is missing."),
    (IMAGE, [tensor("image", "FP32", [1, 3, 1], [1, 2, 3])], "Input 'image': has shape [n, 2, -1], and not [1, 3, 1]."),
    (IMAGE, [tensor("image", "FP32", [2], [1, 2])], "Input 'image': has shape [n, 2, -1], and not [2]."),
    (IMAGE, [tensor("image", "FP64", [1, 2, 1], [1, 2])], "Input 'image': has datatype FP32, not FP64."),
    (IMAGE, [tensor("image", "FP32", [1, 2, 1], [1, None])], "Input 'image': null is no element of a tensor."),
    (
        IMAGE,
        [tensor("image", "FP32", [1, 2, 3], [[[1, 2], [3, 4], [5, 6]]])],
        "the shape says [1, 2, 3], data are nested as [1, 3, 2]",
    ),
    (IMAGE, [tensor("image", "FP32", [1, 2, 2], [1, 2, 3])], "Input 'image': the shape says 4 elements, there are 3."),
    (IMAGE, [IMAGE_OF_ONE, tensor("words", "FP32", [1, 2], [1, 2])], "Input 'words': has datatype BYTES, not FP32."),
    (IMAGE, [IMAGE_OF_ONE, tensor("words", "BYTES", [1, 2], ["a", 5])], "Input 'words': data must be strings."),
    (
        IMAGE,
        [IMAGE_OF_ONE, tensor("words", "BYTES", [1, 262145], ["a"])],
        "Input 'words': must have at most 262,144 elements.",
    ),
]


@pytest.mark.parametrize(("inputs", "tensors", "message"), BAD, ids=[message[:60] for _, _, message in BAD])
def test_what_does_not_fit_is_named(inputs: str, tensors: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(BadInference) as raised:
        instances(inputs, *tensors)
    assert message in str(raised.value.detail)


def in_binary(name: str, datatype: str, shape: list[int], data: bytes) -> tuple[bytes, str]:
    described = {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(data)}}
    head = json.dumps({"inputs": [described]}).encode()
    return head + data, str(len(head))


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "message"),
    [
        ("FP32", [1, 2, 1], bytes(7), "the shape says 8 bytes, there are 7"),
        ("FP32", [1, 2, 1], bytes(12), "the shape says 8 bytes, there are 12"),
        ("FP32", [1, 2, 1], np.array([1, math.nan], "<f4").tobytes(), "row 0: must have finite numbers only"),
        ("FP32", [1, 2, 1], np.array([1, math.inf], "<f4").tobytes(), "row 0: must have finite numbers only"),
        ("FP32", [1, 10**9], bytes(8), "at most 4,194,304 elements"),
        ("FP32", [1, 10**30], bytes(8), "at most 4,194,304 elements"),
        ("BOOL", [1, 2, 1], b"\1\2", "a byte of a BOOL is 0 or 1"),
        ("BYTES", [1, 2], b"\1\0\0\0a", "the shape says 2 elements, there are 1"),
        ("BYTES", [1, 2], b"\1\0\0\0a\1\0", "ends within a length"),
        ("BYTES", [1, 2], b"\1\0\0\0a\2\0\0\0b", "ends within an element"),
        ("BYTES", [1, 2], b"\1\0\0\0a\1\0\0\0\xff", "an element is not UTF-8"),
        ("BYTES", [1, 2], bytes(4 * 300_000), "the shape says 2 elements, there are 3"),
    ],
)
def test_binary_data_that_do_not_fit(datatype: str, shape: list[int], data: bytes, message: str) -> None:
    with pytest.raises(BadInference) as raised:
        instances_of(signature(IMAGE), read_request(*in_binary("image", datatype, shape, data)).tensors)
    assert message in str(raised.value.detail)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_refused_in_binary_too(number: float) -> None:
    body = in_binary("predict", "FP64", [1, 3], np.array([[number, 1, 1]]).tobytes())
    with pytest.raises(BadInference, match="Input 'age', row 0: must be a finite number"):
        instances_of(signature(NUMBERS), read_request(*body).tensors)


def test_sizes_in_binary_must_add_up() -> None:
    body, length = in_binary("image", "FP32", [1, 2, 1], bytes(8))
    for more, message in ((b"x", "more behind the JSON"), (b"", None)):
        if message is None:
            assert len(read_request(body, length).tensors) == 1
            continue
        with pytest.raises(BadInference, match=message):
            read_request(body + more, length)
    with pytest.raises(BadInference, match="binary_data_size is not the size"):
        read_request(body[:-1], length)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.sampled_from(["FP16", "FP32", "FP64", "INT8", "INT32", "UINT8", "UINT32"]), st.booleans())
def test_numbers_of_any_datatype_are_what_the_client_had(data: st.DataObject, datatype: str, binary: bool) -> None:
    """Named columns and one table of them, JSON and binary, give a model the same."""
    kind = np.dtype(triton_to_np_dtype(datatype))
    rows = data.draw(st.integers(1, 5))
    if kind.kind == "f":
        ages = data.draw(
            st.lists(
                st.floats(width=kind.itemsize * 8, allow_nan=False, allow_infinity=False), min_size=rows, max_size=rows
            )
        )
    else:
        bounds = np.iinfo(kind)
        ages = data.draw(st.lists(st.integers(int(bounds.min), int(bounds.max)), min_size=rows, max_size=rows))
    table = np.stack([np.array(ages, kind), np.arange(rows).astype(kind), (np.arange(rows) % 2).astype(kind)], axis=1)
    named = [(name, table[:, place].reshape(rows, 1)) for place, name in enumerate(("age", "calls", "late"))]
    expected = [(float(age), row, row % 2 == 1) for row, age in enumerate(np.array(ages, kind).tolist())]
    for arrays in ([("predict", table)], named):
        inputs = []
        for name, array in arrays:
            inputs.append(triton.InferInput(name, list(array.shape), datatype))
            inputs[-1].set_data_from_numpy(np.ascontiguousarray(array), binary_data=binary)
        body, length = triton.InferenceServerClient.generate_request_body(inputs)
        tensors = read_request(bytes(body), None if length is None else str(length)).tensors
        assert instances_of(signature(NUMBERS), tensors) == expected
