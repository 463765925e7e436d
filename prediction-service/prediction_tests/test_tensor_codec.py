"""What Triton's client encodes is read as it was, and what is written its client decodes, for every datatype."""

from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pytest
import tritonclient.http as triton
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tritonclient.utils import triton_to_np_dtype

from prediction_service.inference_protocol.reading import read_request
from prediction_service.inference_protocol.tensors import Tensor
from prediction_service.inference_protocol.values import Values
from prediction_service.inference_protocol.writing import OutputTensor, write_response
from prediction_service.signature.datatypes import NUMPY

DATATYPES = sorted(NUMPY)

PATIENT = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
"""The first text takes seconds on a busy machine: Hypothesis looks at all of Unicode."""

Array = np.ndarray[Any, Any]


def elements_of(datatype: str) -> st.SearchStrategy[Any]:
    """Everything that a datatype can say in both encodings."""
    if datatype == "BYTES":
        return st.text(max_size=20)
    if datatype == "BOOL":
        return st.booleans()
    if datatype.startswith("FP"):
        return st.floats(width=int(datatype[2:]), allow_nan=False, allow_infinity=False)
    bits = np.iinfo(NUMPY[datatype])
    return st.integers(int(bits.min), int(bits.max))


@st.composite
def arrays(draw: st.DrawFn) -> tuple[str, Array]:
    """A datatype and a tensor of it."""
    datatype = draw(st.sampled_from(DATATYPES))
    shape = [draw(st.integers(1, 4)), *draw(st.lists(st.integers(0, 3), max_size=3))]
    count = int(np.prod(shape))
    flat = draw(st.lists(elements_of(datatype), min_size=count, max_size=count))
    if datatype == "BYTES":
        array = np.empty(count, dtype=object)
        array[:] = flat
        return datatype, array.reshape(shape)
    return datatype, np.array(flat, dtype=triton_to_np_dtype(datatype)).reshape(shape)


def sent(name: str, datatype: str, array: Array, *, binary: bool) -> triton.InferInput:
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


def body_of(inputs: list[triton.InferInput]) -> tuple[bytes, str | None]:
    body, length = triton.InferenceServerClient.generate_request_body(inputs)
    return bytes(body), None if length is None else str(length)


def as_array(tensor: Tensor) -> Array:
    flat = np.empty(len(tensor.elements), dtype=object) if isinstance(tensor.elements, list) else tensor.elements
    if isinstance(tensor.elements, list):
        flat[:] = tensor.elements
    return flat.reshape(tensor.shape)


@PATIENT
@given(st.lists(st.tuples(arrays(), st.booleans()), min_size=1, max_size=4))
def test_inputs_are_read_as_tritons_client_writes_them(given: list[tuple[tuple[str, Array], bool]]) -> None:
    """Several inputs, some in JSON, some in binary."""
    inputs = [sent(f"input {at}", *array, binary=binary) for at, (array, binary) in enumerate(given)]
    tensors = read_request(*body_of(inputs)).tensors
    assert [tensor.name for tensor in tensors] == [f"input {at}" for at in range(len(given))]
    for tensor, ((datatype, array), _) in zip(tensors, given, strict=True):
        assert tensor.datatype == datatype
        assert tensor.missing == frozenset()
        found = as_array(tensor)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


@PATIENT
@given(st.lists(st.tuples(arrays(), st.booleans()), min_size=1, max_size=4))
def test_outputs_are_decoded_by_tritons_client(given: list[tuple[tuple[str, Array], bool]]) -> None:
    outputs = [
        OutputTensor(f"output {at}", Values(datatype, list(array.shape), array.flatten().tolist()), binary)
        for at, ((datatype, array), binary) in enumerate(given)
    ]
    body, length = write_response({"model_name": "any"}, outputs)
    assert (length is None) == (not any(binary for _, binary in given))
    result = triton.InferenceServerClient.parse_response_body(body, header_length=length)
    for at, ((datatype, array), binary) in enumerate(given):
        found = result.as_numpy(f"output {at}")
        if datatype == "BYTES" and binary:
            found = np.array([element.decode() for element in found.flatten()], dtype=object).reshape(found.shape)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


@PATIENT
@given(arrays())
def test_nested_and_flat_json_are_the_same(given: tuple[str, Array]) -> None:
    datatype, array = given
    flat, nested = (
        read_request(
            orjson.dumps({"inputs": [{"name": "x", "datatype": datatype, "shape": list(array.shape), "data": data}]}),
            None,
        ).tensors[0]
        for data in (array.flatten().tolist(), array.tolist())
    )
    np.testing.assert_array_equal(as_array(flat), as_array(nested))


@pytest.mark.parametrize("before", range(9))
def test_numbers_lie_at_any_place_of_a_body(before: int) -> None:
    """A text before them moves them off the places where the machine reads doubles; they are the same."""
    array = np.linspace(-1, 1, 7)
    inputs = [
        sent("text", "BYTES", np.array(["x" * before], dtype=object), binary=True),
        sent("x", "FP64", array.reshape(1, 7), binary=True),
    ]
    tensor = read_request(*body_of(inputs)).tensors[1]
    assert isinstance(tensor.elements, np.ndarray)
    assert tensor.elements.flags.aligned
    np.testing.assert_array_equal(tensor.elements, array)


def test_a_large_tensor_is_read_where_it_lies() -> None:
    """No copy of it is made if the head's length lets the machine read it in place."""
    array = np.arange(150_528, dtype=np.float32).reshape(1, 3, 224, 224)
    for padding in range(4):
        inputs = [sent("x" * (1 + padding), "FP32", array, binary=True)]
        body, length = body_of(inputs)
        (tensor,) = read_request(body, length).tensors
        assert isinstance(tensor.elements, np.ndarray)
        np.testing.assert_array_equal(tensor.elements.reshape(tensor.shape), array)
        assert tensor.elements.flags.aligned
        if int(length or 0) % 4 == 0:
            assert np.shares_memory(tensor.elements, np.frombuffer(body, dtype=np.uint8))
            break
    else:
        pytest.fail("four lengths in a row, and none is a multiple of four")


def test_the_lengths_differ_by_one() -> None:
    """What the test above relies on."""
    lengths = [
        int(body_of([sent("x" * n, "FP32", np.zeros((1, 1), np.float32), binary=True)])[1] or 0) for n in (1, 2, 3)
    ]
    assert all(later - earlier == 1 for earlier, later in pairwise(lengths))
