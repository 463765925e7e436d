"""`modelserver import`: a model of your library becomes a folder that can be served.

It is converted with the libraries that are installed here, and compared with its original on every row of the sample:
labels must be equal, values alike within rounding. Inputs, labels, golden rows and a baseline are written from it.
A file of pickle or joblib runs code when it is read: import only what is your own.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelserver import check
from modelserver.arguments import version_folder_argument
from modelserver.errors import CommandError, UsageError
from modelserver.importing.boosters import LightgbmModel, XgboostModel
from modelserver.importing.graph import session_of
from modelserver.importing.huggingface import HuggingFaceModel
from modelserver.importing.importer import About, Imported, import_model
from modelserver.importing.onnx import OnnxModel
from modelserver.importing.original import Original
from modelserver.importing.sample import Sample, read_frame, sample_of
from modelserver.importing.sklearn import SklearnModel
from modelserver.inputs import TYPES
from modelserver.libraries import library
from modelserver.manifest import TASKS

LIGHTGBM_FILE = b"tree"
"""How a booster's own file begins. LightGBM writes to the terminal when it is given another one."""

PICKLES = {".joblib", ".pkl", ".pickle"}


def add_to(commands: Any) -> None:
    """Adds the command and its options."""
    command = commands.add_parser(
        "import", help="make a folder of a model of your library", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command.add_argument("library", choices=LIBRARIES)
    command.add_argument(
        "model", type=Path, help="its file (joblib, pickle, LightGBM's .txt, XGBoost's .json, .onnx) or folder"
    )
    command.add_argument(
        "--sample", type=Path, required=True, help="CSV or Parquet: rows that the model was trained on"
    )
    command.add_argument(
        "--into", type=version_folder_argument, required=True, metavar="FOLDER", help="models/<name>/<version>"
    )
    command.add_argument(
        "--without", action="append", default=[], metavar="COLUMN", help="leave a column of the sample out"
    )
    command.add_argument("--only", action="append", default=[], metavar="COLUMN", help="take no other columns")
    command.add_argument(
        "--column", action="append", default=[], metavar="NAME:TYPE", help="what a column is, if it does not show"
    )
    command.add_argument("--labels", default="", metavar="A,B,…", help="where the model has no names for them")
    command.add_argument("--unit", default="", help="regression: of the value")
    command.add_argument("--description", default="", help="what it says about what")
    command.add_argument("--source", default="", help="where it comes from, under which licence")
    command.add_argument("--task", choices=TASKS, default="classification", help="onnx: what it is for")
    command.add_argument("--output", default="", help="onnx: the output with the numbers")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Writes the folder and says what was found. Raises RefusedError and UsageError."""
    frame = read_frame(options.sample)
    frame = frame[known(options.only, frame)] if options.only else frame.drop(columns=known(options.without, frame))
    sample = sample_of(frame, types_of(options.column))
    original = LIBRARIES[options.library](options, sample)
    imported = import_model(original, options.into, About(options.unit, options.description, options.source))
    sys.stdout.write(f"{told(imported)}\n")
    return checked(imported.folder)


def told(imported: Imported) -> str:
    """What was imported, and how near it is to its original."""
    manifest, comparison = imported.manifest, imported.comparison
    taken = ", ".join(f"{each.name} ({each.type})" for each in manifest.inputs) or "one text"
    return (
        f"imported {imported.folder}: {manifest.task} of {taken}; {comparison.rows:,} rows compared ({imported.how}), "
        f"the largest difference is {comparison.largest:.0%} of what rounding may do"
    )


def checked(folder: Path) -> int:
    """What the service would say, where its code is installed."""
    try:
        library(check.SERVICE)
    except UsageError as error:
        sys.stdout.write(f"note     {folder}: not checked as the service would; {error}\n")
        return 0
    bounds = {"seconds": check.SECONDS, "memory": check.MEMORY_BYTES, "environments": check.ENVIRONMENTS}
    return check.run(argparse.Namespace(folder=[folder], **bounds))


def known(columns: list[str], frame: Any) -> list[str]:
    """Columns of the sample. Raises UsageError for one that is not there."""
    if unknown := [name for name in columns if name not in frame.columns]:
        raise UsageError(
            f"there is no column {unknown[0]}; the sample's columns are {', '.join(map(str, frame.columns))}"
        )
    return columns


def types_of(columns: list[str]) -> dict[str, str]:
    """Column → type, from `--column`. Raises UsageError."""
    types = {}
    for words in columns:
        name, _, type_ = words.rpartition(":")
        if not name or type_ not in TYPES:
            raise UsageError(f"--column {words}: write name:type, with one of {', '.join(TYPES)}")
        types[name] = type_
    return types


def labels_of(options: argparse.Namespace) -> list[str]:
    """Those of `--labels`."""
    return [label.strip() for label in options.labels.split(",") if label.strip()]


def loaded(path: Path) -> Any:
    """What is in a file of joblib or pickle. Raises UsageError."""
    try:
        return library("joblib").load(path)
    except CommandError:
        raise
    except Exception as error:  # a pickle may raise anything
        raise UsageError(f"{path} cannot be read: {type(error).__name__}: {error}") from error


def content_of(path: Path) -> bytes:
    """A file's bytes. Raises UsageError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def sklearn(options: argparse.Namespace, sample: Sample) -> Original:
    """A file of joblib or pickle."""
    return SklearnModel(loaded(options.model), sample, labels_of(options))


def lightgbm(options: argparse.Namespace, sample: Sample) -> Original:
    """A file of joblib or pickle, or LightGBM's own."""
    if options.model.suffix in PICKLES:
        return LightgbmModel(loaded(options.model), sample, labels_of(options))
    tool = library("lightgbm")
    if not content_of(options.model).startswith(LIGHTGBM_FILE):
        raise UsageError(f"{options.model} cannot be read: it is no model file of LightGBM")
    try:
        return LightgbmModel(tool.Booster(model_file=str(options.model)), sample, labels_of(options))
    except tool.basic.LightGBMError as error:
        raise UsageError(f"{options.model} cannot be read: {error}") from error


def xgboost(options: argparse.Namespace, sample: Sample) -> Original:
    """A file of joblib or pickle, or XGBoost's own."""
    if options.model.suffix in PICKLES:
        return XgboostModel(loaded(options.model), sample, labels_of(options))
    tool = library("xgboost")
    booster = tool.Booster()
    try:
        booster.load_model(str(options.model))
    except tool.core.XGBoostError as error:
        raise UsageError(f"{options.model} cannot be read: {str(error).splitlines()[0]}") from error
    return XgboostModel(booster, sample, labels_of(options))


def huggingface(options: argparse.Namespace, sample: Sample) -> Original:
    """A folder as `save_pretrained` writes it."""
    return HuggingFaceModel(options.model, sample, labels_of(options))


def onnx(options: argparse.Namespace, sample: Sample) -> Original:
    """An ONNX file. Raises UsageError."""
    content = content_of(options.model)
    try:
        session_of(content)
    except Exception as error:  # ONNX Runtime has a class of its own for each thing that can be wrong
        raise UsageError(f"{options.model} cannot be read: {' '.join(str(error).split())[:300]}") from error
    return OnnxModel(content, sample, options.task, labels_of(options), options.output)


LIBRARIES: dict[str, Callable[[argparse.Namespace, Sample], Original]] = {
    "sklearn": sklearn,
    "lightgbm": lightgbm,
    "xgboost": xgboost,
    "huggingface": huggingface,
    "onnx": onnx,
}
