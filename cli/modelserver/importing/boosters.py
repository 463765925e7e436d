"""Gradient boosting: what LightGBM and XGBoost have in common. Both are converted by onnxmltools."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelserver.errors import RefusedError, UsageError
from modelserver.importing.attempts import first_of
from modelserver.importing.graph import plain
from modelserver.importing.original import Converted, GraphInput, Numbers
from modelserver.importing.sample import Frame, Sample
from modelserver.libraries import library

MATRIX = "X"

NAMELESS = re.compile(r"(?:Column_|f)\d+")
"""What the libraries call columns that had no names."""


def columns_of(names: Sequence[str], sample: Sample, number: int) -> Sample:
    """The columns of a model that calls them `names`, or by their numbers. Raises UsageError."""
    columns = [str(name) for name in sample.frame.columns]
    written = {plain(column): column for column in columns}
    if names and all(plain(name) in written for name in names):
        return sample.of_columns([written[plain(name)] for name in names])
    if len(columns) != number or not all(NAMELESS.fullmatch(name) for name in names):
        told = f" ({', '.join(names[:10])})" if names else ""
        raise UsageError(f"the model takes {number} columns{told}, and the sample has {', '.join(columns[:20])}")
    return sample


def shape_of(said: Any, rows: int, task: str) -> Numbers:
    """[n] of values, or [n, labels] of probabilities; of a single one its opposite is put before it."""
    numpy = library("numpy")
    array = numpy.asarray(said, numpy.float64)
    if task == "regression":
        return array.reshape(rows)
    return numpy.stack([1 - array, array], axis=1) if array.ndim == 1 else array


def labels_for(number: int, given: Sequence[str], known: Sequence[Any]) -> list[str]:
    """Those that are given, else those that the model knows, else numbers. Raises UsageError."""
    labels = list(given) or [str(each) for each in known] or [str(place) for place in range(number)]
    if len(labels) != number:
        raise UsageError(f"the model has {number} labels, and {len(labels)} are given: {', '.join(labels[:10])}")
    return labels


class LightgbmModel:
    """A Booster, or a model of LightGBM's scikit-learn interface."""

    def __init__(self, model: Any, sample: Sample, labels: Sequence[str] = ()) -> None:
        self._model = model
        self._booster = getattr(model, "booster_", model)
        objective = str(self._booster.params.get("objective") or objective_of(self._booster))
        self.task = (
            "classification" if objective.startswith(("binary", "multiclass", "cross_entropy")) else "regression"
        )
        if objective.startswith(("lambdarank", "rank")):
            raise RefusedError("a ranking is no task of the model server")
        sample = columns_of(self._booster.feature_name(), sample, self._booster.num_feature())
        self._words = words_of(self._booster, sample)
        self.sample = sample.with_words(self._words)
        shape = self.says(self.sample.frame.head(1)).shape
        known = getattr(model, "classes_", ())
        self.labels = labels_for(shape[1], labels, known) if self.task == "classification" else []

    def says(self, frame: Frame) -> Numbers:
        """Probabilities, or values."""
        return shape_of(self._booster.predict(self._coded(frame)), len(frame), self.task)

    def _coded(self, frame: Frame) -> Any:
        """Numbers; of a category its place, as LightGBM has it."""
        pandas, numpy = library("pandas"), library("numpy")
        columns = []
        for declared in self.sample.inputs:
            column = frame[declared.name]
            if declared.type == "category":
                codes = pandas.Categorical(column.astype(object), self._words[declared.name]).codes
                columns.append(numpy.where(codes < 0, numpy.nan, codes))
            else:
                columns.append(column.astype(float).to_numpy())
        return numpy.stack(columns, axis=1)

    def conversions(self) -> Iterator[Converted]:
        """Numbers in 32 bits; then the trees in parts, whose sums round less."""
        names = [declared.name for declared in self.sample.inputs]
        inputs = [GraphInput(MATRIX, names, "float32")]
        parts = [{}] if self.task == "classification" else [{}, {"split": 50}]

        def attempt(options: Mapping[str, Any]) -> Any:
            how = "trees in parts" if options else "numbers in float32"

            def convert() -> Converted:
                types = library("onnxmltools.convert.common.data_types")
                initial = [(MATRIX, types.FloatTensorType([None, len(names)]))]
                zipmap = {"zipmap": False} if self.task == "classification" else {}
                tools = library("onnxmltools")
                exported = tools.convert_lightgbm(self._model, initial_types=initial, **zipmap, **options)
                return Converted(how, exported.SerializeToString(), inputs)

            return how, convert

        yield from first_of([attempt(options) for options in parts])


def objective_of(booster: Any) -> str:
    """Of a booster that was read from a file."""
    line = next((line for line in booster.model_to_string().splitlines() if line.startswith("objective=")), "")
    return line.removeprefix("objective=")


def words_of(booster: Any, sample: Sample) -> dict[str, list[str]]:
    """Column → its categories, as the booster was trained with them. Raises RefusedError for numbers as categories."""
    known = booster.pandas_categorical or []
    names = [str(name) for name in sample.frame.columns if is_words(sample.frame[name])]
    if len(known) != len(names):
        raise RefusedError(
            f"the booster was trained with {len(known)} columns of categories, and the sample has {len(names)} "
            f"of words ({', '.join(names[:10])}); train on a data frame in which these are of pandas' type category"
        )
    return {name: [str(value) for value in values] for name, values in zip(names, known, strict=True)}


def is_words(column: Any) -> bool:
    """Whether a column has words, and no numbers or booleans."""
    pandas = library("pandas")
    categorical = isinstance(column.dtype, pandas.CategoricalDtype)
    return categorical or not (pandas.api.types.is_numeric_dtype(column) or pandas.api.types.is_bool_dtype(column))


class XgboostModel:
    """A Booster, or a model of XGBoost's scikit-learn interface."""

    def __init__(self, model: Any, sample: Sample, labels: Sequence[str] = ()) -> None:
        self._booster = model.get_booster() if hasattr(model, "get_booster") else model
        names = list(self._booster.feature_names or [])
        self.sample = columns_of(names, sample, self._booster.num_features())
        if words := [declared.name for declared in self.sample.inputs if not declared.is_number]:
            raise RefusedError(
                f"its converter takes numbers only, and {', '.join(words)} has words: encode them before"
            )
        objective = objective_of_xgboost(self._booster)
        self.task = "classification" if objective.startswith(("binary:", "multi:")) else "regression"
        if objective in {"multi:softmax", "binary:hinge", "binary:logitraw"} or objective.startswith("rank:"):
            raise RefusedError(f"the objective {objective} gives no probabilities and no value; use multi:softprob")
        shape = self.says(self.sample.frame.head(1)).shape
        known = getattr(model, "classes_", ()) if self.task == "classification" else ()
        self.labels = labels_for(shape[1], labels, known) if self.task == "classification" else []
        self._model = model

    def says(self, frame: Frame) -> Numbers:
        """Probabilities, or values."""
        xgboost = library("xgboost")
        matrix = xgboost.DMatrix(frame.astype(float).to_numpy())
        return shape_of(self._booster.predict(matrix, validate_features=False), len(frame), self.task)

    def conversions(self) -> Iterator[Converted]:
        """Numbers in 32 bits, as XGBoost itself computes."""
        names = [declared.name for declared in self.sample.inputs]

        def convert() -> Converted:
            types = library("onnxmltools.convert.common.data_types")
            model = self._model
            unnamed = self._booster.copy()
            unnamed.feature_names = unnamed.feature_types = None  # the converter takes no names and types but its own
            if hasattr(model, "get_booster"):
                model = library("copy").copy(model)
                model._Booster = unnamed  # noqa: SLF001 - there is no other way to give it one
            else:
                model = unnamed
            initial = [(MATRIX, types.FloatTensorType([None, len(names)]))]
            exported = library("onnxmltools").convert_xgboost(model, initial_types=initial)
            return Converted("numbers in float32", exported.SerializeToString(), [GraphInput(MATRIX, names, "float32")])

        yield from first_of([("numbers in float32", convert)])


def objective_of_xgboost(booster: Any) -> str:
    """Such as `reg:squarederror`."""
    return str(library("json").loads(booster.save_config())["learner"]["objective"]["name"])
