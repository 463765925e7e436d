"""The scripts of those examples whose libraries the service can have: they still make what is shipped.

Those that train with libraries of their own are made by the tests of the command line.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from prediction_service.models.runtimes.python.environments import environment_of
from prediction_service.models.runtimes.python.make_environments import make_environments
from prediction_tests.clients.environment import ENVIRONMENTS
from prediction_tests.examples import EXAMPLES, table_of

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def made(name: str, folder: Path, python: Path | str, *others: str) -> Path:
    """The folder of an example after its script has run in a copy of it, in which nothing is made yet."""
    for example in (name, *others):
        ignored = shutil.ignore_patterns("models", "rows.csv") if example == name else None
        shutil.copytree(EXAMPLES / example, folder / example, ignore=ignored)
    subprocess.run([python, folder / name / "make.py"], check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    return folder / name


def files_below(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    )


@pytest.mark.timeout(900)  # the first run installs the encoder
def test_sentences_are_made_again_with_what_the_example_requires(tmp_path: Path) -> None:
    """In the environment of the model itself: the same sentences, and the same vectors but for rounding."""
    environments, shipped = ENVIRONMENTS / "models", EXAMPLES / "sentences" / "models" / "sentences" / "1.0.0"
    make_environments(shipped.parents[1], environments, "sentences")
    environment = environment_of(shipped, environments)
    assert environment is not None
    folder = made("sentences", tmp_path, environment / "bin" / "python")
    ours = folder / "models" / "sentences" / "1.0.0"
    assert files_below(ours) == files_below(shipped)
    for name in ("model.py", "model.toml", "requirements.txt"):
        assert (ours / name).read_bytes() == (shipped / name).read_bytes()
        assert (shipped / name).read_bytes() == (EXAMPLES / "sentences" / name).read_bytes(), (
            "its source beside make.py"
        )
    pairs = zip(golden(ours), golden(shipped), strict=True)
    assert all(one["text"] == other["text"] and near(one["expect"], other["expect"]) for one, other in pairs)
    with (folder / "rows.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1000
    for one, other in zip(rows, table_of("sentences"), strict=True):
        assert one["text"] == other["text"]
        assert np.allclose(json.loads(one["_vector"]), json.loads(other["_vector"]), atol=1e-5)


def golden(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "golden.jsonl").read_text(encoding="utf-8").splitlines()]


def near(one: dict[str, object], other: dict[str, object]) -> bool:
    return one["tolerance"] == other["tolerance"] and np.allclose(one["vector"], other["vector"], atol=1e-5)


def test_loss_is_made_again_of_the_two_examples_that_it_calls(tmp_path: Path) -> None:
    """No library at all is needed, so everything is as it was, to the byte."""
    folder = made("loss", tmp_path, sys.executable, "churn", "topics")
    assert files_below(folder) == files_below(EXAMPLES / "loss")
    for name in files_below(folder):
        assert (folder / name).read_bytes() == (EXAMPLES / "loss" / name).read_bytes(), name
