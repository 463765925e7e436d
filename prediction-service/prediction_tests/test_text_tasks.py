"""Text models for every task, as Optimum exports them, say what transformers said before."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prediction_service.models.loader import load_runtime
from prediction_service.models.trials.trial import try_model

TASKS = Path(__file__).parent / "exports" / "tasks"
EXPECTED: dict[str, Any] = {path.parent.name: json.loads(path.read_text()) for path in TASKS.glob("*/expect.json")}
SAID = ("probabilities", "values", "vectors", "outputs")


def said(name: str) -> list[Any]:
    return next(EXPECTED[name][key] for key in SAID if key in EXPECTED[name])


def outputs_of(folder: Path, texts: list[str]) -> list[Any]:
    manifest = try_model(folder)
    return list(load_runtime(folder, manifest, 64 * 1024 * 1024).compute(texts))


def close(expected: Any) -> Any:
    if isinstance(expected, dict):
        return {name: close(value) for name, value in expected.items()}
    if isinstance(expected, list) and expected and isinstance(expected[0], dict):
        return [close(each) for each in expected]
    return expected if isinstance(expected, str | list) else pytest.approx(expected, rel=1e-5, abs=1e-5)


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[str, str, str], Path]:
    def copied(name: str, old: str, new: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(TASKS / name, folder)
        text = (folder / "model.toml").read_text(encoding="utf-8")
        assert old in text
        (folder / "model.toml").write_text(text.replace(old, new), encoding="utf-8")
        return folder

    return copied


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_text_model_says_what_transformers_says(name: str) -> None:
    outputs = outputs_of(TASKS / name, EXPECTED[name]["texts"])
    if isinstance(outputs[0], dict):
        assert outputs == close(said(name))
    else:
        assert np.array(outputs) == pytest.approx(np.array(said(name)), rel=1e-5, abs=1e-5)
