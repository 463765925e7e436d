"""Models of tables as people export them, with the defaults of their tools, say what their libraries said before."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_service.models.runtimes.load import load_runtime
from prediction_service.models.trials.trial import try_model

TABLES = Path(__file__).parent / "exports" / "tables"
EXPECTED: dict[str, Any] = {path.parent.name: json.loads(path.read_text()) for path in TABLES.glob("*/expect.json")}
NAMES = sorted(EXPECTED)
SAID = ("probabilities", "values", "vectors", "outputs")


def said(name: str) -> list[Any]:
    return next(EXPECTED[name][key] for key in SAID if key in EXPECTED[name])


def outputs_of(folder: Path, rows: list[dict[str, Any]]) -> list[Any]:
    manifest = try_model(folder)
    runtime = load_runtime(folder, manifest, 64 * 1024 * 1024)
    return list(runtime.compute([manifest.signature.read(row) for row in rows]))


def close(expected: Any) -> Any:
    if isinstance(expected, dict):
        return {name: close(value) for name, value in expected.items()}
    return pytest.approx(np.array(expected), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_table_model_says_what_its_library_says(name: str) -> None:
    outputs = outputs_of(TABLES / name, EXPECTED[name]["rows"])
    if isinstance(outputs[0], dict):
        assert [close(each) for each in said(name)] == outputs
    else:
        assert np.array(outputs) == close(said(name))
