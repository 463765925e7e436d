"""`modelserver new`: a model's folder with everything but the model and rows whose answers are known."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from modelserver.arguments import version_folder_argument
from modelserver.errors import UsageError
from modelserver.folder import filling
from modelserver.inputs import HOW, DeclaredInput, parse_input
from modelserver.manifest import TASKS, WITH_LABELS, Manifest, toml_of
from modelserver.python_model import model_py

TEXT = "text"

COMMENTS = {
    "description": "what it says about what",
    "source": "where it comes from, under which licence",
    "labels": "in the order of the model's outputs",
    "unit": "of the value, such as EUR",
}

README = """\
# {name}

What this model says about what, and for whom. What it was trained on, how good it is and how that was measured.
Where it must not be used.

## Complete this folder

1. {first}
2. In `model.toml`: fill in `description` and `source`{labels}.
3. Write `golden.jsonl`, a line for each row whose answer you know, with what must come out:
   `{golden}`. A version that says something else is never served.
4. `modelserver check {folder}` says whether the service would serve it, and why not.
"""

FIRST = {
    "onnx": "Put the model here as `model.onnx`.",
    "python": "Write the model into `model.py`, which says the same of every row now. What it imports beyond NumPy and "
    "ONNX Runtime stands in a `requirements.txt` beside it.",
}
"""Kind of runtime → what is to be done first."""

NEXT = {"onnx": "put model.onnx into it, then", "python": "write your model into model.py, then"}

EXPECT: dict[str, Any] = {
    "classification": {"label": "…"},
    "multilabel": {"label": "…"},
    "regression": {"value": 3.5, "tolerance": 0.01},
    "embedding": {"vector": ["…"], "tolerance": 0.001},
    "generic": {"outputs": {"name": "…"}, "tolerance": 0.001},
}


def add_to(commands: Any) -> None:
    """Adds the command and its options."""
    command = commands.add_parser(
        "new", help="begin a model's folder: manifest, README, for Python a model.py", description=__doc__
    )
    command.add_argument(
        "folder", type=version_folder_argument, help="models/<name>/<version>; without a version: 1.0.0"
    )
    command.add_argument("--task", choices=TASKS, default="classification")
    command.add_argument("--input", action="append", default=[], metavar="NAME:TYPE", help=f"{HOW}; none: one text")
    command.add_argument("--labels", default="", metavar="A,B,…", help="in the order of the model's outputs")
    command.add_argument("--unit", default="", help="regression: of the value")
    command.add_argument("--dimension", type=int, help="embedding: numbers of a vector")
    command.add_argument("--kind", choices=FIRST, default="onnx", help="what runs it")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Writes the folder. Raises RefusedError and UsageError."""
    manifest = manifest_of(options)
    folder = options.folder
    with filling(folder) as draft:
        (draft / "model.toml").write_text(toml_of(manifest, comments_of(manifest)), encoding="utf-8")
        if options.kind == "python":
            row = example_row(manifest.inputs) if manifest.inputs else {TEXT: "Hello"}
            (draft / "model.py").write_text(model_py(manifest, row), encoding="utf-8")
        (draft / "README.md").write_text(readme(manifest, options), encoding="utf-8")
    sys.stdout.write(f"{folder}: {NEXT[options.kind]}: modelserver check {folder}\n")
    return 0


def manifest_of(options: argparse.Namespace) -> Manifest:
    """What the options say. Raises UsageError for options that the task does not have, or lacks."""
    labels = [label.strip() for label in options.labels.split(",") if label.strip()]
    if labels and options.task not in WITH_LABELS:
        raise UsageError(f"--labels: the task {options.task} has no labels")
    if options.task == "embedding" and options.dimension is None:
        raise UsageError("an embedding needs --dimension, the number of numbers of a vector")
    for option, task in (("unit", "regression"), ("dimension", "embedding")):
        if getattr(options, option) and options.task != task:
            raise UsageError(f"--{option} belongs to the task {task}, and --task is {options.task}")
    if options.task in WITH_LABELS and not labels:
        labels = ["no", "yes"]
    inputs = [parse_input(words) for words in options.input]
    if twice := repeated([declared.name for declared in inputs]):
        raise UsageError(f"two inputs are called {twice}")
    if twice := repeated(labels):
        raise UsageError(f"the label {twice} stands there twice")
    return Manifest(
        task=options.task,
        inputs=inputs,
        labels=labels,
        unit=options.unit,
        dimension=options.dimension,
        runtime={"kind": options.kind},
    )


def repeated(names: Sequence[str]) -> str:
    """One of them that stands there twice; empty if none does."""
    return next((name for place, name in enumerate(names) if name in names[:place]), "")


def comments_of(manifest: Manifest) -> dict[str, str]:
    """What stands behind what is to be completed."""
    wanted = {"description", "source"}
    wanted |= {"labels"} if manifest.task in WITH_LABELS else set()
    wanted |= {"unit"} if manifest.task == "regression" else set()
    return {key: comment for key, comment in COMMENTS.items() if key in wanted}


def golden_example(manifest: Manifest) -> str:
    """A line as golden rows have it. It stands in the README alone: nobody knows yet what the model says."""
    row = {"inputs": example_row(manifest.inputs)} if manifest.inputs else {TEXT: "Hello"}
    return json.dumps({**row, "expect": EXPECT[manifest.task]}, ensure_ascii=False)


def example_row(inputs: Sequence[DeclaredInput]) -> dict[str, Any]:
    """A value for each input."""
    return {declared.name: declared.example() for declared in inputs}


def readme(manifest: Manifest, options: argparse.Namespace) -> str:
    """A model card to fill in."""
    return README.format(
        name=options.folder.absolute().parent.name,
        first=FIRST[options.kind],
        labels=" and put `labels` into the order of the model's outputs" if manifest.labels else "",
        golden=golden_example(manifest),
        folder=options.folder,
    )
