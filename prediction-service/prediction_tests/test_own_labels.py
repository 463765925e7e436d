"""A model's own files know the order of its labels, whatever tool wrote them and however."""

import json
from pathlib import Path

import pytest

from prediction_service.batching.runtime import ModelError
from prediction_service.models.trials.own_labels import check_choices, check_order, own_labels

LABELS = ["cat", "dog", "bird"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "onnx").mkdir()
    path = tmp_path / "onnx" / "model.onnx"
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize(
    "metadata",
    [
        {"id2label": json.dumps({"0": "cat", "1": "dog", "2": "bird"})},
        {"id2label": "{2: 'bird', 0: 'cat', 1: 'dog'}"},
        {"names": "{0: 'cat', 1: 'dog', 2: 'bird'}"},
        {"labels": '["cat", "dog", "bird"]'},
        {"classes": "['cat', 'dog', 'bird']", "author": "somebody"},
    ],
)
def test_metadata_is_read_as_exporters_write_it(file: Path, metadata: dict[str, str]) -> None:
    check_order(LABELS, file.parents[1], file, metadata)
    with pytest.raises(ModelError, match=r'"cat", "dog", "bird"'):
        check_order(["dog", "cat", "bird"], file.parents[1], file, metadata)


@pytest.mark.parametrize("where", [".", "onnx"])
def test_a_configuration_is_read_beside_the_manifest_and_beside_the_file(file: Path, where: str) -> None:
    config = {"architectures": ["Bert"], "id2label": {"0": "CAT", "1": "DOG", "2": "BIRD"}}
    (file.parents[1] / where / "config.json").write_text(json.dumps(config))
    check_order(LABELS, file.parents[1], file, {})
    with pytest.raises(ModelError, match=r"config\.json"):
        check_order(["bird", "dog", "cat"], file.parents[1], file, {})


def test_a_configuration_with_numbers_of_labels_alone_is_read_too(file: Path) -> None:
    config = file.parents[1] / "config.json"
    config.write_text(json.dumps({"label2id": {"CAT": 0, "BIRD": 2, "DOG": 1}}))
    check_order(LABELS, file.parents[1], file, {})
    with pytest.raises(ModelError, match=r"label2id of config\.json"):
        check_order(["bird", "dog", "cat"], file.parents[1], file, {})
    config.write_text(json.dumps({"id2label": {"0": "bird", "1": "dog", "2": "cat"}, "label2id": {"x": 1}}))
    check_order(["bird", "dog", "cat"], file.parents[1], file, {})


@pytest.mark.parametrize(
    "table",
    [
        *("{}", "[]", "null", "7", '{"cat": 0, "dog": 0}', '{"cat": 1, "dog": 2}'),
        *(f'{{"cat": {number}}}' for number in ("1e999", "Infinity", "null", "{}", '"x"')),
    ],
)
def test_a_table_of_labels_that_is_none_says_nothing(file: Path, table: str) -> None:
    (file.parents[1] / "config.json").write_text(f'{{"label2id": {table}}}')
    assert list(own_labels(file.parents[1], file, {})) == []


@pytest.mark.parametrize(
    "value",
    [
        "",
        "cat,dog",
        "{",
        "[1, 2",
        "7",
        "null",
        '{"a": "cat"}',
        '{"0": "cat", "2": "dog"}',
        "[" * 5000,
        "__import__('os')",
    ],
)
def test_metadata_that_says_something_else_is_left_alone(file: Path, value: str) -> None:
    assert list(own_labels(file.parents[1], file, {"labels": value, "id2label": value})) == []


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"id2label": 3}', b'{"id2label": {"x": "y"}}', b"\xff"])
def test_so_is_a_configuration(file: Path, content: bytes) -> None:
    (file.parents[1] / "config.json").write_bytes(content)
    check_order(LABELS, file.parents[1], file, {})


def test_names_that_only_number_the_labels_say_nothing(file: Path) -> None:
    check_order(LABELS, file.parents[1], file, {"labels": json.dumps(["LABEL_0", "LABEL_1", "LABEL_2"])})


ROWS = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.5, 0.0]]


@pytest.mark.parametrize(
    "choices",
    [
        ["cat", "dog", "cat", "dog", "dog"],
        ["0", "1", "0", "1", "1"],
        ["5", "7", "5", "7", "7"],
        ["cat", "dog", "cat", "cat", "bird"],  # its decision differs a little from its probabilities
    ],
)
def test_a_label_that_the_model_chooses_itself_is_that_of_its_largest_number(choices: list[str]) -> None:
    check_choices(ROWS, choices, LABELS)


@pytest.mark.parametrize("choices", [["dog", "cat", "dog", "cat", "dog"], ["bird", "dog", "BIRD", "dog", "dog"]])
def test_else_the_labels_are_in_another_order(choices: list[str]) -> None:
    with pytest.raises(ModelError, match="chooses"):
        check_choices(ROWS, choices, LABELS)
