"""Models of scikit-learn, pipelines above all, converted by skl2onnx."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelserver.errors import RefusedError, UsageError
from modelserver.importing.attempts import first_of
from modelserver.importing.original import Converted, GraphInput, Numbers
from modelserver.importing.sample import Frame, Sample
from modelserver.libraries import library

MATRIX = "X"

TENSORS = {
    "float32": "FloatTensorType",
    "float64": "DoubleTensorType",
    "int64": "Int64TensorType",
    "bool": "BooleanTensorType",
}
"""NumPy's kind → skl2onnx's type."""

LOCALE = "C.UTF-8"
"""Lower case of all of Unicode; every system has it, unlike en_US.UTF-8, which skl2onnx asks for."""

OWN = {"number": "float32", "integer": "int64", "boolean": "bool"}
"""Type of an input → its own kind."""


class SklearnModel:
    """A fitted estimator with a `predict_proba`, or a regressor. `labels`: where the model has no names for them."""

    def __init__(self, model: Any, sample: Sample, labels: Sequence[str] = ()) -> None:
        self._model = model
        self.sample = own_columns(model, sample)
        if is_of_texts(model):
            self.sample = Sample(self.sample.frame.astype(str), {self.sample.frame.columns[0]: "text"})
        self.task = task_of(model, self._given(self.sample.frame.head(2)))
        self.labels = labels_of(model, labels) if self.task != "regression" else []
        if self.task == "multilabel" and len(self.labels) != self.says(self.sample.frame.head(2)).shape[1]:
            raise UsageError("the model has several labels and no names for them: say --labels, in their order")

    def says(self, frame: Frame) -> Numbers:
        """Probabilities, or values."""
        numpy = library("numpy")
        given = self._given(frame)
        if self.task == "regression":
            return numpy.asarray(self._model.predict(given), numpy.float64).reshape(len(frame))
        said = self._model.predict_proba(given)
        if isinstance(said, list):  # one [n, 2] for each label
            return numpy.stack([each[:, 1] for each in said], axis=1)
        return numpy.asarray(said, numpy.float64)

    def conversions(self) -> Iterator[Converted]:
        """Numbers in 32 bits, in 64, or each column in its own kind."""
        yield from first_of([self._of_numbers("float32"), self._of_numbers("float64"), self._of_numbers(None)])

    def _of_numbers(self, dtype: str | None) -> Any:
        """A conversion with all numbers in one kind; None: each in its own."""
        how = f"numbers in {dtype}" if dtype else "each column in its own type"

        def convert() -> Converted:
            inputs = graph_inputs(self._model, self.sample, dtype)
            types = [(each.name, tensor_type(each)) for each in inputs]
            options = {} if self.task == "regression" else {id(self._model): {"zipmap": False}}
            exported = library("skl2onnx").convert_sklearn(self._model, initial_types=types, options=options)
            set_locale(exported)
            return Converted(how, exported.SerializeToString(), inputs)

        return how, convert

    def _given(self, frame: Frame) -> Any:
        """What the model was trained on: a frame, a matrix, or texts."""
        if is_of_texts(self._model):
            return frame.iloc[:, 0].astype(str).tolist()
        return frame if hasattr(self._model, "feature_names_in_") else frame.to_numpy()


def own_columns(model: Any, sample: Sample) -> Sample:
    """The columns that the model was trained on. Raises UsageError when there are too few, or too many to tell."""
    if hasattr(model, "feature_names_in_"):
        sample = sample.of_columns([str(name) for name in model.feature_names_in_])
    elif is_of_texts(model):
        sample = sample.of_columns([text_column(sample)])
    elif (wanted := getattr(model, "n_features_in_", None)) not in {None, len(sample.frame.columns)}:
        raise UsageError(
            f"the model takes {wanted} columns without names and the sample has {len(sample.frame.columns)}: "
            "give a sample of those only, in the model's order (--only, --without)"
        )
    return sample.with_words(words_of(model, sample))


def words_of(model: Any, sample: Sample) -> Mapping[str, Sequence[str]]:
    """Column → the categories that an encoder in the model knows of it."""
    found: dict[str, Sequence[str]] = {}
    for part in parts_of(model):
        names, categories = getattr(part, "feature_names_in_", ()), getattr(part, "categories_", None)
        if categories is None:
            continue
        for name, values in zip(names, categories, strict=False):
            if str(name) in sample.frame.columns and all(isinstance(value, str) for value in values):
                found[str(name)] = [str(value) for value in values]
    return found


def parts_of(model: Any) -> Iterator[Any]:
    """The model and all that it is composed of."""
    yield model
    steps = [step for _, step in getattr(model, "steps", ())]
    steps += [each[1] for each in getattr(model, "transformers_", ())]
    for step in steps:
        if not isinstance(step, str):
            yield from parts_of(step)


def is_of_texts(model: Any) -> bool:
    """Whether it begins with a vectorizer, which takes texts and no table."""
    return not hasattr(model, "feature_names_in_") and getattr(model, "n_features_in_", None) is None


def text_column(sample: Sample) -> str:
    """The column of texts. Raises UsageError where there are several columns that may be meant."""
    texts = [declared.name for declared in sample.inputs if declared.type == "text"]
    names = texts if len(texts) == 1 else [declared.name for declared in sample.inputs]
    if len(names) > 1:
        raise UsageError(
            f"the model takes a text: say with --only which of the columns it is ({', '.join(names[:20])})"
        )
    return names[0]


def task_of(model: Any, given: Any) -> str:
    """Classification, multilabel or regression. Raises RefusedError for what is none."""
    base = library("sklearn.base")
    if base.is_regressor(model):
        if library("numpy").ndim(model.predict(given)) > 1:
            raise RefusedError(
                "gives several values for each row; convert it with skl2onnx, then modelserver import onnx"
            )
        return "regression"
    if not hasattr(model, "predict_proba"):
        raise RefusedError(
            f"{type(model).__name__} gives no probabilities (predict_proba) and no value; a classifier without them "
            "can be wrapped in sklearn.calibration.CalibratedClassifierCV"
        )
    return "multilabel" if library("numpy").ndim(model.predict(given)) > 1 else "classification"


def labels_of(model: Any, given: Sequence[str]) -> list[str]:
    """In the order of the model's numbers: its classes, else those that are given."""
    classes = getattr(model, "classes_", ())
    single = not isinstance(classes, list) and len({str(each) for each in classes}) == len(classes)
    own = [str(each) for each in classes] if single else []
    if list(given) != own and sorted(given) == sorted(own):
        raise UsageError(f"--labels stand in another order than in the model: {','.join(own)}")
    return list(given) or own


def graph_inputs(model: Any, sample: Sample, dtype: str | None) -> list[GraphInput]:
    """One input for each column of a frame; one matrix for a model of matrices."""
    kinds = {each.name: (dtype or OWN[each.type]) if each.is_number else "object" for each in sample.inputs}
    if hasattr(model, "feature_names_in_") or is_of_texts(model):
        return [GraphInput(name, [name], kind) for name, kind in kinds.items()]
    different = set(kinds.values())
    if len(different) > 1:
        raise ValueError("the model was trained on a matrix of several kinds; train it on a data frame")
    return [GraphInput(MATRIX, list(kinds), different.pop())]


def tensor_type(wanted: GraphInput) -> Any:
    """skl2onnx's type of an input."""
    types = library("skl2onnx.common.data_types")
    return getattr(types, TENSORS.get(wanted.dtype, "StringTensorType"))([None, len(wanted.columns)])


def set_locale(exported: Any) -> None:
    """Lower case that does not depend on which languages a machine has installed."""
    for node in exported.graph.node:
        if node.op_type == "StringNormalizer":
            kept = [attribute for attribute in node.attribute if attribute.name != "locale"]
            del node.attribute[:]
            node.attribute.extend([*kept, library("onnx.helper").make_attribute("locale", LOCALE)])
