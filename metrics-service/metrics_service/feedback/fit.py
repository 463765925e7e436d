"""Whether what was said fits its prediction: a label for a label, a value for a value, labels for a set of labels."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Text

from metrics_service.feedback.contracts import Feedback, FeedbackResult, Outcome
from metrics_service.sql import statement

REGRESSION = "regression"
"""The task whose values can be right or wrong; an embedding's value is only its norm."""

MULTILABEL = "multilabel"
"""The task whose predictions have sets of labels."""

SHOWN = 20
"""Labels that an error lists."""

TOLD_LABELS = statement("loaded_labels", bindparam("names", type_=ARRAY(Text)))

RECORDED_LABELS = statement("recorded_labels", bindparam("names", type_=ARRAY(Text)))

MISFITS = {
    "label": (Outcome.NO_LABEL, "no label to judge"),
    "value": (Outcome.NO_VALUE, "no value to judge; only a regression's has"),
    "labels": (Outcome.NO_LABELS, "no set of labels to judge; only a multilabel model's has"),
}
"""By the field of a judgement, what it is when the prediction has nothing of that kind."""

INSTEAD = {
    "value": "; send the right value",
    "labels": "; send labels, all that would have been right",
    "label": "; send the right label",
}
"""What else may be said of a prediction; of several the first."""

UNFIT = (Outcome.UNKNOWN_LABEL, *(outcome for outcome, _ in MISFITS.values()))
"""What was said does not fit the prediction."""


def said_in(given: Feedback) -> str:
    """The field that says what would have been right."""
    return next(name for name in MISFITS if getattr(given, name) is not None)


Labels = Mapping[tuple[str, str], frozenset[str]]
"""Which labels a version of a model has."""


async def labels_of(connection: AsyncConnection, predictions: Sequence[Row[tuple[str, ...]]]) -> Labels:
    """The labels of the versions that made these predictions.

    Of a version that no prediction-service has told of: those of the model's other versions and those on record.
    """
    versions = {(row.model_name, row.model_version) for row in predictions}
    names = sorted({name for name, _ in versions})
    rows = (await connection.execute(TOLD_LABELS, {"names": names})).all()
    told = {(row.model_name, row.model_version): frozenset(row.labels) for row in rows}
    missing = versions - told.keys()
    if not missing:
        return told
    untold = sorted({name for name, _ in missing})
    recorded = {row.model_name: row.labels for row in await connection.execute(RECORDED_LABELS, {"names": untold})}
    for name, version in missing:
        others = [labels for (told_name, _), labels in told.items() if told_name == name]
        told[name, version] = frozenset(recorded.get(name, ())).union(*others)
    return told


def refusal(given: Feedback, predictions: Mapping[UUID, Row[tuple[str, ...]]], labels: Labels) -> FeedbackResult | None:
    """Why a judgement cannot be taken; None: it can."""
    prediction = predictions.get(given.prediction_id)
    if prediction is None:
        detail = "No prediction of this id is on record, or it is not on record any more."
        return FeedbackResult(outcome=Outcome.UNKNOWN_PREDICTION, prediction_id=given.prediction_id, detail=detail)
    whose, said, fitting = f"{prediction.model_name} {prediction.model_version}", said_in(given), fields_of(prediction)
    if said not in fitting:
        outcome, lacks = MISFITS[said]
        instead = next((words for field, words in INSTEAD.items() if field in fitting), "")
        detail = f"The prediction of {whose} has {lacks}{instead}."
        return FeedbackResult(outcome=outcome, prediction_id=given.prediction_id, detail=detail)
    return unknown_label(given, whose, labels[prediction.model_name, prediction.model_version])


def fields_of(prediction: Row[Any]) -> set[str]:
    """In which fields of a judgement something can be said of a prediction."""
    found = {
        "label": prediction.prediction_label is not None,
        "value": prediction.task_type == REGRESSION and prediction.prediction_value is not None,
        "labels": prediction.task_type == MULTILABEL and prediction.labels is not None,
    }
    return {field for field, is_there in found.items() if is_there}


def unknown_label(given: Feedback, whose: str, allowed: frozenset[str]) -> FeedbackResult | None:
    """The refusal of a label that the model does not have; None: it has all, or a value was said."""
    said = given.labels or [] if given.label is None else [given.label]
    unknown = next((label for label in said if label not in allowed), None)
    if unknown is None:
        return None
    more = f" and {len(allowed) - SHOWN} more" if len(allowed) > SHOWN else ""
    detail = f"{whose} has no label {unknown!r}; its labels: {', '.join(sorted(allowed)[:SHOWN]) or 'none'}{more}"
    return FeedbackResult(outcome=Outcome.UNKNOWN_LABEL, prediction_id=given.prediction_id, detail=detail)
