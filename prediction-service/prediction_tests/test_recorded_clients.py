"""Bodies that other clients wrote, byte for byte, are read as what they had."""

import pytest

from prediction_service.inference_protocol.errors import BadInference
from prediction_service.inference_protocol.instances import instances_of
from prediction_service.inference_protocol.reading import read_request
from prediction_tests.test_tensors_by_signature import CHURN, NUMBERS, signature, tensor
from prediction_tests.test_tensors_by_signature import instances as instances_in_json

PANDAS = (
    b'{"parameters":{"content_type":"pd"},"inputs":[{"name":"age","shape":[2,1],"datatype":"FP64","data":[41.5,null]},'
    b'{"name":"calls","shape":[2,1],"datatype":"INT64","data":[3,4]},'
    b'{"name":"late","shape":[2,1],"datatype":"BOOL","data":[true,false]},'
    b'{"name":"plan","shape":[2,1],"datatype":"BYTES","parameters":{"content_type":"str"},"data":["basic","premium"]}]}'
)
"""mlserver 1.7.1, `PandasCodec.encode_request`, an age missing."""

NUMPY = (
    b'{"parameters":{"content_type":"np"},"inputs":[{"name":"input-1","shape":[2,3],"datatype":"FP32",'
    b'"parameters":{"content_type":"np"},"data":[41.5,3.0,1.0,7.0,4.0,0.0]}]}'
)
"""mlserver 1.7.1, `NumpyRequestCodec.encode_request`."""

NUMPY_WITH_NAN = (
    b'{"id":null,"parameters":{"content_type":"np","headers":null},"inputs":[{"name":"input-1","shape":[1,3],'
    b'"datatype":"FP64","parameters":{"content_type":"np","headers":null},"data":[null,3.0,1.0]}],"outputs":null}'
)
"""mlserver 1.7.1, the same of NaN, by `pydantic_core.to_json`."""

KSERVE_HEAD = (
    b'{"id":"seven","model_name":"churn","inputs":[{"name":"calls","shape":[2],"datatype":"INT64",'
    b'"parameters":{"binary_data_size":16}},{"name":"plan","shape":[2],"datatype":"BYTES",'
    b'"parameters":{"binary_data_size":20}},{"name":"age","shape":[2],"datatype":"FP32","data":[41.5,7.0]}],'
    b'"outputs":[{"name":"scores","parameters":{"binary_data":true}}]}'
)
KSERVE = KSERVE_HEAD + (
    b"\x03\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00basic\x07\x00\x00\x00premium"
)
"""kserve 0.21.0, `InferRequest.to_rest`: two inputs in binary, one in JSON."""


@pytest.mark.parametrize(
    ("inputs", "body", "length", "expected"),
    [
        (CHURN, PANDAS, None, [(41.5, 3, True, "basic", None, ""), (None, 4, False, "premium", None, "")]),
        (NUMBERS, NUMPY, None, [(41.5, 3, True), (7.0, 4, False)]),
        (NUMBERS, NUMPY_WITH_NAN, None, [(None, 3, True)]),
        (CHURN, KSERVE, "342", [(41.5, 3, False, "basic", None, ""), (7.0, 4, False, "premium", None, "")]),
    ],
    ids=["mlserver's data frames", "mlserver's arrays", "mlserver's arrays with gaps", "kserve's binary"],
)
def test_a_recorded_body(inputs: str, body: bytes, length: str | None, expected: list[tuple[object, ...]]) -> None:
    asked = read_request(body, length)
    assert list(instances_of(signature(inputs), asked.tensors)) == expected


def test_what_kserve_asks_for_comes_in_binary() -> None:
    asked = read_request(KSERVE, str(len(KSERVE_HEAD))).request
    assert asked.id == "seven"
    assert [(output.name, asked.wants_binary(output)) for output in asked.outputs] == [("scores", True)]


MIXED = {"parameters": {"content_type": "pd_json"}}
"""mlserver's `PandasCodec` for a column of objects: each element is JSON of its own."""


def test_columns_of_objects() -> None:
    given = instances_in_json(
        CHURN,
        tensor("calls", "BYTES", [2, 1], ["3", "4"], **MIXED),
        tensor("plan", "BYTES", [2, 1], ['"basic"', '"premium"'], **MIXED),
        tensor("age", "BYTES", [2, 1], ["null", "0.5"], **MIXED),
        tensor("late", "BYTES", [2, 1], ["true", "false"], **MIXED),
    )
    assert given == [(None, 3, True, "basic", None, ""), (0.5, 4, False, "premium", None, "")]


@pytest.mark.parametrize("element", ["", "basic", "[1]", ' {"a": 1}', "NaN", "1 2"])
def test_what_is_not_one_value_in_json(element: str) -> None:
    with pytest.raises(BadInference, match="with the content type pd_json each element is one value in JSON"):
        instances_in_json(NUMBERS, tensor("calls", "BYTES", [1], [element], **MIXED))
