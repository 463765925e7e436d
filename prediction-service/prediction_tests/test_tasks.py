"""What a model may say, and what a prediction makes of it, for every task."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_service.models.folders.manifest_file import ManifestError, read_manifest
from prediction_service.tasks.embedding import Embedding
from prediction_service.tasks.generic import Generic
from prediction_service.tasks.multilabel import Multilabel
from prediction_service.tasks.outputs import DeclaredOutput
from prediction_service.tasks.regression import Regression
from prediction_service.tasks.task import BadOutput, Finding, MisfitError, NotFinite, Task

TOPICS = Multilabel(["sport", "politics", "music"], 0.5, {"music": 0.2})


def test_a_multilabel_prediction_has_all_labels_that_reach_their_thresholds_the_surest_first() -> None:
    finding = TOPICS.finding([0.5, 0.49, 0.9])
    assert finding.label == "music"
    assert finding.confidence == 0.9
    assert finding.labels == ["music", "sport"]
    assert finding.raw == {"scores": {"sport": 0.5, "politics": 0.49, "music": 0.9}, "labels": ["music", "sport"]}


def test_a_number_of_32_bits_reaches_the_threshold_that_it_is_written_as() -> None:
    for threshold in (0.1, 0.3, 0.7, 0.9):
        task = Multilabel(["a"], threshold, {})
        assert task.finding([float(np.float32(threshold))]).labels == ["a"]
        assert task.finding([threshold]).labels == ["a"]
        assert task.finding([threshold - 1e-6]).labels == []


def test_a_multilabel_prediction_may_have_no_label() -> None:
    finding = TOPICS.finding([0.1, 0.1, 0.1])
    assert (finding.label, finding.confidence, finding.labels) == (None, None, [])


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_the_label_is_the_surest_of_those_that_apply(scores: list[float]) -> None:
    finding = TOPICS.finding(scores)
    applying = {
        label
        for label, low in (("sport", 0.5), ("politics", 0.5), ("music", 0.2))
        if finding.raw["scores"][label] >= low
    }
    assert set(finding.labels or ()) == applying
    if applying:
        assert finding.confidence == max(finding.raw["scores"][label] for label in applying)


def test_a_regression_has_a_value_and_no_label() -> None:
    assert Regression("EUR").finding(2.5) == Finding(None, None, {"value": 2.5, "unit": "EUR"}, value=2.5)


def test_an_embedding_is_a_vector_whose_norm_is_its_value() -> None:
    assert Embedding(2).finding([3.0, 4.0]) == Finding(None, None, {"vector": [3.0, 4.0]}, value=5.0)


def test_other_outputs_are_told_as_json_has_them() -> None:
    finding = Generic([]).finding({"boxes": np.ones((1, 2), np.float32), "names": ["cat"], "n": 1})
    assert finding == Finding(None, None, {"outputs": {"boxes": [[1.0, 1.0]], "names": ["cat"], "n": 1}})


@pytest.mark.parametrize(
    ("task", "output", "kind", "told"),
    [
        (TOPICS, [0.1, 1.2, 0.3], BadOutput, "not between 0 and 1"),
        (TOPICS, [0.1, math.nan, 0.3], NotFinite, "not between 0 and 1"),
        (Regression(""), math.nan, NotFinite, "no number"),
        (Regression(""), math.inf, NotFinite, "no number"),
        (Regression(""), 1e200, BadOutput, "beyond"),
        (Regression("", 0.0, 10.0), -1.0, BadOutput, "range of 0 to 10"),
        (Embedding(2), [1.0], BadOutput, "1 numbers, not 2"),
        (Embedding(2), [1.0, math.nan], NotFinite, "finite"),
        (Generic([]), {"a": [1.0, [math.nan]]}, NotFinite, "NaN"),
        (
            Generic([DeclaredOutput(name="a", datatype="FP32", shape=[2])]),
            {"a": [1.0]},
            BadOutput,
            r"\[1\] and not \[2\]",
        ),
        (Generic([DeclaredOutput(name="a", datatype="FP32")]), {"b": 1.0}, BadOutput, "no output a"),
    ],
)
def test_what_makes_no_sense_is_told_as_it_came(task: Task, output: Any, kind: type[BadOutput], told: str) -> None:
    (result,) = task.checked([output], 1)
    assert type(result) is kind
    with pytest.raises(BadOutput, match=told):
        raise result
    with pytest.raises(ValueError, match="2 rows, 1 results"):
        task.checked([output], 2)


@pytest.mark.parametrize(
    ("task", "output"), [(TOPICS, [0.5]), (Regression(""), [1.0]), (Regression(""), True), (Embedding(3), [1.0, 2.0])]
)
def test_what_suits_no_row_is_the_manifests_fault(task: Task, output: Any) -> None:
    with pytest.raises(MisfitError):
        task.check_form(output)


@pytest.mark.parametrize(
    ("task", "output", "near", "far"),
    [
        (TOPICS, [0.1, 0.2, 0.3], [0.1, 0.2, 0.300001], [0.1, 0.2, 0.301]),
        (Regression(""), 1e6, 1e6 + 1, 1e6 + 100),
        (Embedding(1), [0.5], [0.500001], [0.501]),
        (Generic([]), {"a": [1.0, "x"]}, {"a": [1.000001, "x"]}, {"a": [1.0, "y"]}),
    ],
)
def test_rounding_is_no_difference(task: Task, output: Any, near: Any, far: Any) -> None:
    assert not task.differ(output, near)
    assert task.differ(output, far)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('task_type = "regression"\nlabels = ["a", "b"]', "the task regression has no labels"),
        ('task_type = "multilabel"', "labels: .*must have the model's labels"),
        ("", "labels: .*must have the model's labels"),
        (
            'task_type = "regresion"',
            r"labels: .*\(task_type regresion is a classification, .*; did you mean regression\?\)",
        ),
        ('task_type = "toxicity"', r"labels: .*\(task_type toxicity is a classification, .* other task's\)"),
        ('task_type = "embedding"', "an embedding needs dimension"),
        ('labels = ["a", "b"]\ndimension = 3', "dimension belongs to the task embedding"),
        ('task_type = "multilabel"\nlabels = ["a"]\nunit = "m"', "unit belongs to the task regression"),
        ('task_type = "multilabel"\nlabels = ["a"]\nthresholds = {b = 0.5}', "thresholds: .*b is none of the labels"),
        ('task_type = "multilabel"\nlabels = ["a"]\nthreshold = 1.5', "threshold: "),
        ('task_type = "regression"\nrange = [1.0, 1.0]', "range: .*below the second"),
    ],
)
def test_what_belongs_to_another_task_is_refused(tmp_path: Path, content: str, fault: str) -> None:
    (tmp_path / "model.toml").write_text(f'{content}\n[runtime]\nkind = "onnx"\n')
    with pytest.raises(ManifestError, match=fault):
        read_manifest(tmp_path)
