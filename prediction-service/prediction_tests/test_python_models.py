"""A Python model: rows as dicts, and what it returns in whatever natural form its task has."""

import re
from pathlib import Path
from typing import Any

import pytest

from prediction_service.batching.problems import ModelFailed
from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.model import Model
from prediction_service.signature.signature import Instance
from prediction_tests.gated_model import STAYS
from prediction_tests.python_models import TEXT, admission, admitted, python_model
from shared.http.written_json import json_bytes

COLUMNS = """
[runtime]
kind = "python"
[[inputs]]
name = "rooms"
type = "number"
[[inputs]]
name = "city"
type = "text"
required = false
"""

REGRESSION = f'task_type = "regression"\nunit = "EUR"\n{COLUMNS}'
EMBEDDING = f'task_type = "embedding"\ndimension = 2\n{COLUMNS}'
GENERIC = f'task_type = "generic"\n{COLUMNS}'
MULTILABEL = f'task_type = "multilabel"\nlabels = ["a", "b"]\n{COLUMNS}'
CLASSIFICATION = f'labels = ["no", "yes"]\n{COLUMNS}'

ROW = (3.0, "Ankara")


async def outputs(model: Model, *instances: Instance) -> list[Any]:
    """What a model gives, each or the problem in its place."""
    results = await model.batcher.run(list(instances), STAYS)
    return [result if isinstance(result, ModelFailed) else result.output for result in results]


@pytest.mark.parametrize(
    ("manifest", "result", "expected"),
    [
        (CLASSIFICATION, "[{'yes': 0.75, 'no': 0.25} for row in rows]", [0.25, 0.75]),
        (CLASSIFICATION, "[{'yes': 1.0} for row in rows]", [0.0, 1.0]),
        (CLASSIFICATION, "[[0.25, 0.75] for row in rows]", [0.25, 0.75]),
        (CLASSIFICATION, "__import__('numpy').array([[0.25, 0.75]] * len(rows), dtype='f4')", [0.25, 0.75]),
        (CLASSIFICATION, "([0.25, 0.75] for row in rows)", [0.25, 0.75]),
        (MULTILABEL, "[{'b': 0.75} for row in rows]", [0.0, 0.75]),
        (MULTILABEL, "[(0.5, 0.75) for row in rows]", [0.5, 0.75]),
        (REGRESSION, "[2 * row['rooms'] for row in rows]", 6.0),
        (REGRESSION, "__import__('numpy').array([row['rooms'] for row in rows])", 3.0),
        (REGRESSION, "[__import__('decimal').Decimal('1.5') for row in rows]", 1.5),
        (EMBEDDING, "[[row['rooms'], 1] for row in rows]", [3.0, 1.0]),
        (EMBEDDING, "[__import__('numpy').array([row['rooms'], 1]) for row in rows]", [3.0, 1.0]),
        (
            GENERIC,
            "[{'city': row['city'], 'n': [1, {'x': None}]} for row in rows]",
            {"city": "Ankara", "n": [1, {"x": None}]},
        ),
    ],
)
async def test_results_come_in_the_natural_form_of_their_task(
    tmp_path: Path, manifest: str, result: str, expected: object
) -> None:
    path = python_model(tmp_path, f"def predict(rows):\n    return {result}\n", manifest)
    async with admitted(path) as model:
        assert await outputs(model, ROW, ROW) == [expected, expected]


async def test_a_class_is_made_once_with_its_folder_and_may_have_modules_beside_it(tmp_path: Path) -> None:
    code = """
        from pathlib import Path
        from helper import double

        class Model:
            def __init__(self, folder):
                self.factor = double(int((Path(folder) / "model.toml").read_text().count("[runtime]")))
                self.made = 0

            def predict(self, rows):
                self.made += 1
                return [self.factor * row["rooms"] for row in rows]
    """
    async with admitted(python_model(tmp_path, code, REGRESSION, helper="def double(x): return 2 * x")) as model:
        assert await outputs(model, ROW) == [6.0]


async def test_rows_have_values_of_their_types_and_none_for_what_is_missing(tmp_path: Path) -> None:
    manifest = """
        task_type = "generic"
        [runtime]
        kind = "python"
        [[inputs]]
        name = "when"
        type = "timestamp"
        required = false
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
        [[inputs]]
        name = "is_new"
        type = "boolean"
        required = false
    """
    code = """
        def predict(rows):
            return [
                {
                    "when": None if row["when"] is None else [type(row["when"]).__name__, row["when"].isoformat()],
                    "image": [type(row["image"]).__name__, str(row["image"].dtype), row["image"].tolist()],
                    "words": row["words"],
                    "is_new": row["is_new"],
                    "twice": 2 * row["image"],
                }
                for row in rows
            ]
    """
    async with admitted(python_model(tmp_path, code, manifest)) as model:
        given = {
            "image": [[1, 2, 3], [4, 5, 6]],
            "words": ["x", "é"],
            "when": "2026-01-31T08:30:00+02:00",
            "is_new": True,
        }
        full = model.manifest.signature.read(given)
        sparse = model.manifest.signature.read({"image": [[], []], "words": ["", ""]})
        first, second = await outputs(model, full, sparse)
    assert first["when"] == ["datetime", "2026-01-31T08:30:00+02:00"]
    assert first["image"] == ["ndarray", "float32", [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]
    assert (first["words"], first["is_new"]) == (["x", "é"], True)
    assert (first["twice"].dtype.str, first["twice"].tolist()) == ("<f4", [[2.0, 4.0, 6.0], [8.0, 10.0, 12.0]])
    assert (second["when"], second["is_new"], second["twice"].shape) == (None, None, (2, 0))


@pytest.mark.parametrize(
    ("manifest", "code", "reason"),
    [
        (TEXT, "def predict(rows): return ['yes' for row in rows]", "gives the label 'yes' alone"),
        (TEXT, "def predict(rows): return [{'maybe': 1.0} for row in rows]", "'maybe', which is not among"),
        (TEXT, "def predict(rows): return [[1.0] for row in rows]", "gives 1 numbers for a row, and not 2"),
        (TEXT, "def predict(rows): return [[0.5, 0.6] for row in rows]", "add up to 1.1"),
        (TEXT, "def predict(rows): return [[2.5, -1.5] for row in rows]", "[2.5, -1.5] are not between 0 and 1"),
        (TEXT, "def predict(rows): return {'yes': 1.0}", "and not a list with one result for each row"),
        (TEXT, "def predict(rows): return [{'yes': 1.0}]", "results for"),
        (TEXT, "def predict(rows): return None", "NoneType None, and not a list"),
        (REGRESSION, "def predict(rows): return ['3' for row in rows]", "str '3' where a number is expected"),
        (REGRESSION, "def predict(rows): return [True for row in rows]", "bool True where a number is expected"),
        (
            REGRESSION,
            "import numpy\ndef predict(rows): return [numpy.bool_(1) for row in rows]",
            "where a number is expected",
        ),
        (REGRESSION, "def predict(rows): return [float('nan') for row in rows]", "nan is no number"),
        (EMBEDDING, "def predict(rows): return [[1.0] for row in rows]", "gives 1 numbers for a row, and not 2"),
        (GENERIC, "def predict(rows): return [1 for row in rows]", "int 1 for a row, and not a dict"),
        (GENERIC, "def predict(rows): return [{'x': object()} for row in rows]", "which JSON cannot hold"),
        (GENERIC, "def predict(rows): return [{'x': 'a\\0b'} for row in rows]", "NUL"),
        (GENERIC, "def predict(rows): return [{'x': '\\ud800'} for row in rows]", "surrogates not allowed"),
        (TEXT, "def predict(rows): return [{'yes': 1.0} for row in rows", "SyntaxError"),
        (TEXT, "import nothing_such", "No module named 'nothing_such'"),
        (TEXT, "1 / 0", r"ZeroDivisionError: division by zero (model.py, line 1)"),
        (TEXT, "x = 1", "has neither a function predict(rows) nor a class Model"),
        (TEXT, "class Model:\n    def __init__(self): pass", "TypeError"),
        (TEXT, "import sys; sys.exit(3)", "SystemExit: 3"),
        (TEXT, "import os; os._exit(3)", "exit code 3"),
        (TEXT, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        (TEXT, "def predict(rows): raise KeyError('price')", "KeyError: 'price' (model.py, line 1)"),
        (TEXT, "x = bytearray(1 << 40)", "needs more memory than a model may take"),
        (TEXT.replace('kind = "python"', 'kind = "python"\nfile = "other.py"'), "", "has no other.py"),
    ],
)
async def test_what_cannot_be_served_says_why(tmp_path: Path, manifest: str, code: str, reason: str) -> None:
    path = python_model(tmp_path, code, manifest)
    with pytest.raises(ModelError, match=re.escape(reason)) as error:
        await admission().admit(ModelFolder(path.parent.name, path.name, path))
    assert str(tmp_path) not in str(error.value)
    assert "softmax" not in str(error.value), "an option that a Python model has not"


async def test_a_row_at_which_the_model_is_at_a_loss_fails_alone(tmp_path: Path) -> None:
    code = """
        def predict(rows):
            return [float("nan") if row["rooms"] == 13 else 1 / (row["rooms"] - 7) for row in rows]
    """
    async with admitted(python_model(tmp_path, code, REGRESSION)) as model:
        found = await outputs(model, (8.0, None), (13.0, None), (7.0, None), (9.0, None))
    assert (found[0], found[3]) == (1.0, 0.5)
    assert isinstance(found[1], ModelFailed)
    assert isinstance(found[2], ModelFailed)


async def test_what_is_nested_too_deep_for_a_response_fails_alone(tmp_path: Path) -> None:
    """The JSON of responses goes 254 levels deep; what is accepted is within five levels of a batch's."""
    code = """
        def predict(rows):
            return [{"x": nested(int(row["rooms"]))} for row in rows]

        def nested(depth):
            return [nested(depth - 1)] if depth else 0
    """
    async with admitted(python_model(tmp_path, code, GENERIC)) as model:
        found = await outputs(model, *((float(depth), None) for depth in range(240, 260)))
    accepted = [output for output in found if not isinstance(output, ModelFailed)]
    assert accepted == found[: len(accepted)]
    assert 0 < len(accepted) < len(found)
    for output in accepted:
        assert json_bytes({"predictions": [{"raw_output": {"outputs": output}}]})


async def test_golden_rows_are_held_against_it(tmp_path: Path) -> None:
    path = python_model(tmp_path, "def predict(rows): return [row['rooms'] for row in rows]", REGRESSION)
    (path / "golden.jsonl").write_text('{"inputs": {"rooms": 3}, "expect": {"value": 4}}\n')
    with pytest.raises(ModelError, match="row 1 gives value 3 and not 4"):
        await admission().admit(ModelFolder(path.parent.name, path.name, path))


async def test_what_is_infinite_is_no_value(tmp_path: Path) -> None:
    code = "def predict(rows): return [{'x': [1.0, float(row['city'] or 0)]} for row in rows]"
    async with admitted(
        python_model(tmp_path, code, GENERIC.replace('"text"', '"category"\nvalues = ["1", "inf"]'))
    ) as model:
        finite, infinite = await outputs(model, (1.0, "1"), (1.0, "inf"))
    assert finite == {"x": [1.0, 1.0]}
    assert isinstance(infinite, ModelFailed)
