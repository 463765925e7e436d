"""ONNX graphs with inputs and outputs of every kind: what a manifest declares reaches them, and mistakes are told."""

import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.manifest_file import ManifestError
from prediction_service.models.loader import warm_up
from prediction_service.models.runtimes.load import load_runtime
from prediction_service.models.runtimes.onnx_file import open_session
from prediction_service.models.trials.trial import try_model
from prediction_tests.service import QUICK_MODELS, StartService

GRAPHS = Path(__file__).parent / "graphs"

Folder = Callable[..., Path]


def number(name: str, more: str = "") -> str:
    return f'[[inputs]]\nname = "{name}"\ntype = "number"\n{more}'


def tensor(name: str, datatype: str, shape: list[int]) -> str:
    return f'[[inputs]]\nname = "{name}"\ntype = "tensor"\ndatatype = "{datatype}"\nshape = {shape}\n'


def test_sums_of_bytes_are_exact_on_every_processor() -> None:
    session = open_session(GRAPHS / "large-bytes.onnx", None)
    given = np.full((3, 4), 255, dtype=np.uint8)

    (sums,) = session.run(None, {"bytes": given})

    assert sums.tolist() == [[4 * 255 * 127, 4 * 255 * -128]] * 3


def test_sums_of_bytes_are_exact_where_two_nodes_share_their_weights() -> None:
    session = open_session(GRAPHS / "shared-bytes.onnx", None)
    given = np.full((3, 4), 255, dtype=np.uint8)

    both = session.run(None, {"bytes": given, "others": given})

    assert [sums.tolist() for sums in both] == [[[4 * 255 * 127, 4 * 255 * -128]] * 3] * 2


SHADES = 'labels = ["red", "green", "blue"]\n'
GENERIC = 'task_type = "generic"\n'
REGRESSION = 'task_type = "regression"\n'
IMAGE = tensor("image", "FP32", [3, 4, 4])
ABC = number("a") + number("b") + number("c")


@pytest.fixture
def model(tmp_path: Path) -> Folder:
    def made(graph: str, manifest: str, runtime: str = "", batching: str = "") -> Path:
        folder = tmp_path / graph
        folder.mkdir()
        shutil.copy(GRAPHS / f"{graph}.onnx", folder / "model.onnx")
        text = f'{manifest}[runtime]\nkind = "onnx"\n{runtime}[batching]\n{batching}'
        (folder / "model.toml").write_text(text, encoding="utf-8")
        return folder

    return made


def asked(folder: Path, rows: list[dict[str, Any]]) -> list[Any]:
    manifest = try_model(folder)
    runtime = load_runtime(folder, manifest, 64 << 20)
    warm_up(runtime, manifest)
    return list(runtime.compute([manifest.signature.read(row) for row in rows]))


def reason(folder: Path) -> str:
    with pytest.raises((ModelError, ManifestError)) as error:
        try_model(folder)
    return str(error.value)


def images(count: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(count)
    return [{"image": random.uniform(-1, 1, (3, 4, 4)).tolist()} for _ in range(count)]


def shades(rows: list[dict[str, Any]]) -> np.ndarray[Any, Any]:
    powers = np.exp(np.array([row["image"] for row in rows]).mean(axis=(2, 3)))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("graph", "tolerance"), [("image", 1e-5), ("image-float16", 2e-3), ("image-double", 1e-6), ("image-of-two", 1e-5)]
)
def test_an_image_of_32_bits_feeds_graphs_of_16_32_and_64_bits_and_those_of_a_fixed_number_of_rows(
    model: Folder, graph: str, tolerance: float
) -> None:
    folder = model(graph, SHADES + IMAGE)
    for count in (1, 2, 5):
        outputs = asked(folder, images(count))
        assert np.array(outputs) == pytest.approx(shades(images(count)), abs=tolerance)


def test_the_only_tensor_feeds_the_only_input_whatever_its_name(model: Folder) -> None:
    outputs = asked(model("image-other-name", SHADES + IMAGE), images(3))
    assert np.array(outputs) == pytest.approx(shades(images(3)), abs=1e-5)


def test_series_of_different_lengths_go_into_one_request(model: Folder) -> None:
    folder = model("series", REGRESSION + tensor("series", "FP32", [-1]))
    series = [[1.0], [1.0, 2.0], [3.0], [4.0, 5.0, 6.0], [7.0, 8.0]]
    assert asked(folder, [{"series": each} for each in series]) == [sum(each) for each in series]


def test_several_tensors_each_by_its_name(model: Folder) -> None:
    folder = model("pair", REGRESSION + tensor("right", "FP32", [3]) + tensor("left", "FP64", [3]))
    rows = [{"left": [1, 2, 3], "right": [4, 5, 6]}, {"left": [0.5, 0, 0], "right": [8, 1, 1]}]
    assert asked(folder, rows) == [32.0, 4.0]


KINDS = (
    GENERIC
    + number("number", "required = false\n")
    + '[[inputs]]\nname = "small"\ntype = "integer"\n'
    + '[[inputs]]\nname = "whole"\ntype = "integer"\ndefault = 7\n'
    + '[[inputs]]\nname = "byte"\ntype = "boolean"\n'
    + '[[inputs]]\nname = "flag"\ntype = "boolean"\n'
    + '[[inputs]]\nname = "word"\ntype = "category"\nvalues = ["x", "y"]\nother = true\nrequired = false\n'
    + '[[inputs]]\nname = "place"\ntype = "category"\nvalues = ["a", "b", "c"]\n'
    + '[[inputs]]\nname = "moment"\ntype = "timestamp"\n'
    + number("half")
)
ROW = {
    "number": 1.1,
    "small": -5,
    "whole": 1 << 40,
    "byte": True,
    "flag": False,
    "word": "é, of no list",
    "place": "c",
    "moment": "2026-01-31T08:30:00.5+01:00",
    "half": 0.5,
}


def test_each_kind_of_value_arrives_as_the_graph_has_it(model: Folder) -> None:
    folder = model("kinds", KINDS)
    (output,) = asked(folder, [ROW])
    said = {name.removeprefix("out_"): np.asarray(value).reshape(-1).tolist()[0] for name, value in output.items()}
    assert said == {**ROW, "byte": 1, "place": 2.0, "moment": 1_769_844_600}
    assert output["out_half"].dtype == np.float16
    assert output["out_small"].dtype == np.int32


def test_what_is_left_out_is_the_default_nan_or_no_word(model: Folder) -> None:
    folder = model("kinds", KINDS)
    row = {name: value for name, value in ROW.items() if name not in {"number", "whole", "word"}}
    (output,) = asked(folder, [row])
    assert math.isnan(output["out_number"][0])
    assert output["out_whole"].tolist() == [7]
    assert output["out_word"].tolist() == [""]


def test_a_whole_number_that_does_not_fit_fails_alone(model: Folder) -> None:
    folder = model("kinds", KINDS)
    with pytest.raises(OverflowError):
        asked(folder, [ROW | {"small": 1 << 31}])
    assert asked(folder, [ROW | {"small": (1 << 31) - 1}])


def test_the_declared_outputs_are_what_is_given(model: Folder) -> None:
    declared = '[[outputs]]\nname = "out_word"\ndatatype = "BYTES"\nshape = [1]\n'
    (output,) = asked(model("kinds", KINDS + declared), [ROW])
    assert {name: value.tolist() for name, value in output.items()} == {"out_word": ["é, of no list"]}


async def test_every_kind_goes_through_the_service(model: Folder, start_service: StartService, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(QUICK_MODELS, root)
    shutil.move(model("kinds", KINDS), root / "kinds" / "1.0.0")
    client = await start_service(models_dir=root)
    answer = await client.post("/predict", json={"inputs": ROW, "model_name": "kinds"})
    assert answer.status_code == 200, answer.text
    outputs = answer.json()["raw_output"]["outputs"]
    said = {name.removeprefix("out_"): [value] if name[4:] in FLAT else value for name, value in outputs.items()}
    assert said == {name: [value] for name, value in (ROW | {"byte": 1, "place": 2.0, "moment": 1_769_844_600}).items()}
    without = {name: value for name, value in ROW.items() if name != "number"}
    answer = await client.post("/predict/batch", json={"rows": [ROW, without, ROW], "model_name": "kinds"})
    first, lost, last = answer.json()["predictions"]
    assert first["raw_output"] == last["raw_output"]
    assert (
        lost["error"]["type"] == "urn:problem-type:model-failed"
    )  # what was left out is NaN, which the graph gives back


FLAT = {"small", "byte", "place", "moment", "half"}
"""Outputs of the graph `kinds` that have no dimension but the rows."""


@pytest.mark.parametrize("graph", ["matrix", "matrix-of-any-width"])
@pytest.mark.parametrize("runtime", ["", 'columns = "X"\n'])
def test_numbers_go_into_the_one_matrix_in_their_order(model: Folder, graph: str, runtime: str) -> None:
    folder = model(graph, GENERIC + number("z") + number("a") + '[[inputs]]\nname = "b"\ntype = "boolean"\n', runtime)
    outputs = asked(folder, [{"a": 1, "b": True, "z": 3}, {"a": 4, "b": False, "z": 6}])
    assert [output["Y"].tolist() for output in outputs] == [[3, 1, 1], [6, 4, 0]]


def test_numbers_and_words_each_go_into_their_matrix(model: Folder) -> None:
    word = '[[inputs]]\nname = "w"\ntype = "text"\n[[inputs]]\nname = "v"\ntype = "category"\nvalues = ["p", "q"]\n'
    (output,) = asked(
        model("two-matrices", GENERIC + number("b") + word + number("a")), [{"a": 1, "b": 2, "w": "u", "v": "q"}]
    )
    assert output["Y"].tolist() == [2, 1]
    assert output["Z"].tolist() == ["u", "q"]


@pytest.mark.parametrize("runtime", ["", "column_inputs = true\n"])
def test_names_may_have_blanks_and_signs_where_the_graph_has_none(model: Folder, runtime: str) -> None:
    folder = model("names", REGRESSION + number("age:0") + number("monthly fee"), runtime)
    assert asked(folder, [{"age:0": 1, "monthly fee": 2}]) == [3.0]


def test_a_sequence_has_an_element_for_each_row(model: Folder) -> None:
    outputs = asked(model("sequence", GENERIC + number("a") + number("b")), [{"a": 1, "b": 2}, {"a": 3, "b": 4}])
    assert [output["rows"].tolist() for output in outputs] == [[1, 2], [3, 4]]


def test_a_sequence_of_tensors_has_a_row_of_each(model: Folder) -> None:
    folder = model("several-outputs", GENERIC + ABC)
    for count in (1, 2, 3):
        outputs = asked(folder, [{"a": 1, "b": 1, "c": place} for place in range(count)])
        assert [output["probabilities"][1].tolist() for output in outputs] == [[1, 1, n] for n in range(count)]


LABELLED = number("a") + number("b")


def test_labels_of_a_table_model_must_stand_in_its_order(model: Folder) -> None:
    told = reason(model("labelled", 'labels = ["hot", "cold"]\n' + LABELLED))
    assert "put the labels into the order" in told


def test_labels_of_a_table_model_in_its_order_are_served(model: Folder) -> None:
    (output,) = asked(model("labelled", 'labels = ["cold", "hot"]\n' + LABELLED), [{"a": 1, "b": 1}])
    assert output == [0.5, 0.5]


BITS = "".join(f'[[inputs]]\nname = "{name}"\ntype = "boolean"\n' for name in "abcd")


@pytest.mark.parametrize(("given", "second"), [("probability", 0.25), ("logit", 1 / (1 + math.exp(-0.25)))])
def test_of_two_labels_a_model_may_give_the_second_ones_number_alone(model: Folder, given: str, second: float) -> None:
    folder = model("one-number", 'labels = ["no", "yes"]\n' + BITS, f'binary = "{given}"\n')
    (output,) = asked(folder, [{"a": True, "b": False, "c": False, "d": False}])
    assert output == pytest.approx([1 - second, second])


TOO_MANY = "".join(map(number, "abcd"))
MISTAKES = [
    (
        "matrix",
        GENERIC + number("a"),
        "",
        r"takes X tensor\(float\) \['n', 3\], which the declared inputs a do not fill",
    ),
    ("matrix", GENERIC + number("a"), 'columns = "X"\n', "X of the model has 3 columns, and 1 inputs .*: a"),
    ("matrix", GENERIC + TOO_MANY, 'columns = "X"\n', "3 columns, and 4 inputs are declared for it: a, b, c, d"),
    ("matrix", GENERIC + ABC, 'columns = "x"\n', r"runtime.columns: the model has no input x; it takes X tensor"),
    ("matrix", GENERIC + ABC, "column_inputs = true\n", "call the inputs as the model does$"),
    ("matrix", GENERIC + ABC, 'columns = "X"\ncolumn_inputs = true\n', "columns puts inputs together"),
    (
        "matrix",
        GENERIC + number("X"),
        "",
        r"X is one value, and X of the model has the shape \['n', 3\]: declare a tensor",
    ),
    ("names", REGRESSION + number("monthly fee"), "", "takes age_0 .* too: declare"),
    ("names", REGRESSION + number("age 0") + number("monthly fee") + number("x"), "", "nothing called x"),
    ("image", SHADES + tensor("image", "FP32", [4, 4, 3]), "", r"shape \[4, 4, 3\].*say shape = \[3, 4, 4\]"),
    ("image", SHADES + tensor("image", "FP32", [48]), "", r"say shape = \[3, 4, 4\]"),
    ("image", SHADES + tensor("image", "FP32", [3, -1, -1]), "", r"say shape = \[3, 4, 4\]"),
    ("image", SHADES + tensor("image", "BYTES", [3, 4, 4]), "", r"declared BYTES, and image .* is tensor\(float\)"),
    ("image", SHADES + IMAGE + "required = false\n", "", "which must be required"),
    ("image-without-rows", SHADES + IMAGE, "", "the rows as a first dimension of their own"),
    ("pair", REGRESSION + tensor("left", "FP32", [3]), "", "right"),
    ("takes-a-sequence", REGRESSION + number("parts"), "", r"parts is seq\(tensor\(float\)\)"),
    ("not-a-number", REGRESSION + number("x"), "", "gives no value for .*NaN or infinity"),
    ("in-company", REGRESSION + number("x"), "", "in company.*max_rows = 1"),
    ("no-rows", GENERIC + ABC, "", r"output Y has the shape \[3\] for \d+ rows; its first dimension must be that of"),
    ("matrix", REGRESSION + ABC, "", r"output Y has the shape \[1, 3\], several numbers for each row"),
    ("matrix", 'task_type = "embedding"\ndimension = 4\n' + ABC, "", "say dimension = 3"),
    ("matrix", SHADES + ABC, "", "no probabilities"),
    ("matrix", SHADES.replace(', "blue"', "") + ABC, "", "3 probabilities for 2 labels"),
    ("matrix", SHADES + ABC, "sigmoid = true\n", "belongs to the task multilabel"),
    ("matrix", 'task_type = "multilabel"\n' + SHADES + ABC, "", "sigmoid = true"),
    ("matrix", 'task_type = "multilabel"\n' + SHADES + ABC, "softmax = true\n", "softmax is for one label"),
    ("matrix", 'task_type = "multilabel"\nlabels = ["a", "b"]\n' + ABC, "sigmoid = true\n", "3 probabilities for 2"),
    ("one-number", 'labels = ["no", "yes"]\n' + BITS, "", 'of two labels say binary = "probability" or "logit"'),
    ("one-number", SHADES + BITS, 'binary = "logit"\n', "binary is for a classification with two labels"),
    ("one-number", REGRESSION + BITS, 'binary = "logit"\n', "binary is for a classification with two labels"),
    ("one-number", 'labels = ["no", "yes"]\n' + TOO_MANY, 'binary = "probability"\n', "no probabilities"),
    ("labelled", 'labels = ["cold", "hot"]\n' + LABELLED, 'binary = "logit"\n', "2 numbers for each row; leave"),
    ("matrix", GENERIC + ABC + '[[outputs]]\nname = "y"\ndatatype = "FP32"\n', "", "no output y, .*it gives Y"),
    (
        "matrix",
        GENERIC + ABC + '[[outputs]]\nname = "Y"\ndatatype = "FP64"\n',
        "",
        r"FP64, and the model's is tensor\(fl",
    ),
    ("matrix", GENERIC + ABC + '[[outputs]]\nname = "Y"\ndatatype = "FP32"\nshape = [2]\n', "", r"say shape = \[3\]"),
    (
        "too-wide",
        GENERIC + ABC + '[[outputs]]\nname = "Y"\ndatatype = "FP32"\nshape = [3]\n',
        "",
        r"shape \[6\] and not",
    ),
    ("kinds", KINDS.replace('"integer"\ndefault = 7', '"integer"\nrequired = false'), "", "whole .*give it a default"),
    ("kinds", KINDS.replace('"small"\ntype = "integer"', '"small"\ntype = "number"'), "", 'small is number.*"integer"'),
    (
        "kinds",
        KINDS.replace('"word"\ntype = "category"\nvalues = ["x", "y"]\nother = true', '"word"\ntype = "number"'),
        "",
        r"word is number, and word of the model is tensor\(string\)",
    ),
    ("kinds", KINDS.replace('"half"\ntype = "number"', '"half"\ntype = "text"'), "", "half is text"),
    ("kinds", KINDS.replace('"flag"\ntype = "boolean"', '"flag"\ntype = "integer"'), "", 'flag is integer.*"boolean"'),
    (
        "kinds",
        KINDS.replace('"small"\ntype = "integer"', '"small"\ntype = "timestamp"'),
        "",
        "moment is given as seconds",
    ),
    (
        "kinds",
        KINDS.replace('"small"\ntype = "integer"', '"small"\ntype = "category"\nvalues = ["a"]\nother = true'),
        "",
        "other words.*leave other out",
    ),
    ("labelled", REGRESSION + LABELLED, 'output = "label"\n', r"runtime.output: label is tensor\(string\)"),
    ("kinds", KINDS.replace(GENERIC, REGRESSION), "", "name one of its outputs in runtime.output: out_number"),
]


@pytest.mark.parametrize(("graph", "manifest", "runtime", "told"), MISTAKES)
def test_a_mistake_says_what_to_do(model: Folder, graph: str, manifest: str, runtime: str, told: str) -> None:
    assert re.search(told, reason(model(graph, manifest, runtime)))


def test_with_one_row_a_call_a_model_may_depend_on_its_company(model: Folder) -> None:
    assert asked(model("in-company", REGRESSION + number("x"), batching="max_rows = 1\n"), [{"x": 3}, {"x": 5}]) == [
        0,
        0,
    ]
