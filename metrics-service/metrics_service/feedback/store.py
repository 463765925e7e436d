"""Takes feedback and says what it amounts to. Without Postgres: DatabaseUnavailable.

A label must be one of the labels of the prediction's model, and what has neither a label nor a regression's value
cannot be judged. Of a
caller's words on a prediction the last one counts. A trusted word overrules any other; without the admin token nobody
changes what another caller said: the first one who judges a prediction is most likely who asked for it, as nobody else
was told its id. No caller without the token counts for more than `caller_limit` judgements in a window, however many it
gives.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, Uuid, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import DateTime, Double, Text

from metrics_service.database import autocommit, transaction
from metrics_service.feedback.contracts import Caller, Feedback, FeedbackResult, Outcome, Quality, RecordedFeedback
from metrics_service.feedback.corroboration import corroborated
from metrics_service.feedback.quality import Judged, Pairs, accuracy, confusion, label_qualities
from metrics_service.sql import statement
from metrics_service.windows.errors import value_errors
from metrics_service.windows.rollups import CHOICE, Selection, choice_of
from shared.contracts.problem import FieldError
from shared.http.problems import InvalidRequest, Problem

REGRESSION = "regression"
"""The task whose values can be right or wrong; an embedding's value is only its norm."""

SHOWN = 20
"""Labels that an error lists."""

PREDICTIONS = statement("predictions_by_id", bindparam("ids", type_=ARRAY(Uuid())))

TOLD_LABELS = statement("loaded_labels", bindparam("names", type_=ARRAY(Text)))

RECORDED_LABELS = statement("recorded_labels", bindparam("names", type_=ARRAY(Text)))

GIVE = statement(
    "give_feedback",
    bindparam("ids", type_=ARRAY(Uuid())),
    bindparam("labels", type_=ARRAY(Text)),
    bindparam("values", type_=ARRAY(Double)),
    bindparam("given_by", type_=Text),
    bindparam("key_id", type_=Uuid()),
    bindparam("trusted_on", type_=ARRAY(Text)),
)
"""In the order of their ids, so that callers who judge the same predictions never wait for each other in a circle."""

STANDING = statement("trusted_feedback", bindparam("ids", type_=ARRAY(Uuid())))
"""Of predictions whose word was not changed, those where it is a trusted one."""

PAIRS = statement(
    "feedback_pairs",
    *CHOICE,
    bindparam("start", type_=DateTime(timezone=True)),
    bindparam("end", type_=DateTime(timezone=True)),
    bindparam("caller_limit", type_=Double),
)


class UnknownPrediction(Problem):
    """No prediction of that id is on record, or no longer."""

    status = 404
    type = "urn:problem-type:unknown-prediction"
    title = "Unknown Prediction"


class TrustedWordStands(Problem):
    """Somebody with the admin token has judged this prediction."""

    status = 409
    type = "urn:problem-type:trusted-word-stands"
    title = "Trusted Word Stands"


class AnotherWordStands(Problem):
    """Another caller has judged this prediction."""

    status = 409
    type = "urn:problem-type:another-word-stands"
    title = "Another Word Stands"


@dataclass(frozen=True, slots=True)
class FeedbackStore:
    """Takes feedback and measures quality by it."""

    engine: AsyncEngine
    caller_limit: int

    async def give(self, given: Feedback, caller: Caller) -> RecordedFeedback:
        """Records one judgement.

        Raises UnknownPrediction, InvalidRequest for the label, TrustedWordStands and AnotherWordStands.
        """
        (result,) = await self.give_all([given], caller)
        detail = result.detail or ""
        if result.outcome is Outcome.UNKNOWN_PREDICTION:
            raise UnknownPrediction(detail)
        if result.outcome in (Outcome.UNKNOWN_LABEL, Outcome.NO_LABEL):
            raise InvalidRequest([FieldError(location="body.label", message=detail)])
        if result.outcome is Outcome.NO_VALUE:
            raise InvalidRequest([FieldError(location="body.value", message=detail)])
        if result.outcome is Outcome.TRUSTED_WORD_STANDS:
            raise TrustedWordStands(detail)
        if result.outcome is Outcome.ANOTHER_WORD_STANDS:
            raise AnotherWordStands(detail)
        return RecordedFeedback(**result.model_dump(include=set(RecordedFeedback.model_fields)))

    async def give_all(self, given: Sequence[Feedback], caller: Caller) -> list[FeedbackResult]:
        """Records what can be, in one transaction; of several words on one prediction the last one counts."""
        async with transaction(self.engine) as connection:
            ids = [row.prediction_id for row in given]
            found = await connection.execute(PREDICTIONS, {"ids": ids})
            predictions = {row.prediction_id: row for row in found if row.model_name in caller.models}
            labels = await labels_of(connection, list(predictions.values()))
            refused = {number: refusal(row, predictions, labels) for number, row in enumerate(given)}
            last = {row.prediction_id: number for number, row in enumerate(given) if refused[number] is None}
            taken = {prediction_id: given[number] for prediction_id, number in last.items()}
            words = {
                "ids": list(taken),
                "labels": [row.label for row in taken.values()],
                "values": [row.value for row in taken.values()],
            }
            trusted_on = None if caller.trusted_on.names is None else sorted(caller.trusted_on.names)
            by = {"given_by": caller.digest, "is_trusted": caller.is_trusted, "trusted_on": trusted_on}
            by["key_id"] = caller.key_id
            rows = await connection.execute(GIVE, {**words, **by})
            recorded = {row["prediction_id"]: dict(row) for row in rows.mappings()}
            left = [prediction_id for prediction_id in taken if prediction_id not in recorded]
            trusted = set(await connection.scalars(STANDING, {"ids": left})) if left else set()
        return [
            refused[number] or result_of(row, recorded, trusted, is_last=last[row.prediction_id] == number)
            for number, row in enumerate(given)
        ]

    async def pairs(self, selection: Selection) -> Pairs:
        """What was predicted and what was right, over predictions made in the window."""
        window = {"start": selection.window.start, "end": selection.window.end}
        async with autocommit(self.engine) as connection:
            rows = await connection.execute(
                PAIRS, {**window, **choice_of(selection), "caller_limit": self.caller_limit}
            )
            return {(row.prediction_label, row.actual_label): Judged(row.n, row.weight) for row in rows}

    async def quality(self, selection: Selection) -> Quality:
        """Accuracy, precision and recall of each label, and errors of values, over predictions made in the window."""
        pairs = await self.pairs(selection)
        async with autocommit(self.engine) as connection:
            errors = await value_errors(connection, selection)
        said = await corroborated(self.engine, selection, self.caller_limit)
        weight = sum(judged.weight for judged in pairs.values())
        confused, left_out = confusion(pairs)
        return Quality(
            feedback_count=sum(judged.count for judged in pairs.values()),
            weight=weight,
            callers=said.callers,
            is_independent=said.counted > weight / 2,
            accuracy=accuracy(pairs),
            labels=label_qualities(pairs),
            errors=errors,
            confusion=confused,
            confusion_left_out=left_out,
            task_type=selection.task_type,
            model_name=selection.model_name,
            model_version=selection.model_version,
            time_window_start=selection.window.start,
            time_window_end=selection.window.end,
        )


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
    whose = f"{prediction.model_name} {prediction.model_version}"
    has_value = prediction.task_type == REGRESSION and prediction.prediction_value is not None
    if given.value is not None:
        detail = f"The prediction of {whose} has no value to judge; only a regression's has."
        refused = FeedbackResult(outcome=Outcome.NO_VALUE, prediction_id=given.prediction_id, detail=detail)
        return None if has_value else refused
    if prediction.prediction_label is None:
        detail = f"The prediction of {whose} has no label to judge{'; send the right value' * has_value}."
        return FeedbackResult(outcome=Outcome.NO_LABEL, prediction_id=given.prediction_id, detail=detail)
    allowed = labels[prediction.model_name, prediction.model_version]
    if given.label in allowed:
        return None
    more = f" and {len(allowed) - SHOWN} more" if len(allowed) > SHOWN else ""
    detail = f"{whose} has no label {given.label!r}; its labels: {', '.join(sorted(allowed)[:SHOWN]) or 'none'}{more}"
    return FeedbackResult(outcome=Outcome.UNKNOWN_LABEL, prediction_id=given.prediction_id, detail=detail)


def result_of(
    given: Feedback,
    recorded: Mapping[UUID, Mapping[str, str | UUID | datetime]],
    trusted: Collection[UUID],
    *,
    is_last: bool,
) -> FeedbackResult:
    """What became of a judgement that could be taken; `is_last`: no later one is on the same prediction."""
    prediction_id = given.prediction_id
    if not is_last and prediction_id in recorded:
        detail = "A later row of this batch judges the same prediction; that one counts."
        return FeedbackResult(outcome=Outcome.SUPERSEDED, prediction_id=prediction_id, detail=detail)
    if row := recorded.get(prediction_id):
        return FeedbackResult.model_validate({"outcome": Outcome.RECORDED, **row})
    if prediction_id in trusted:
        detail = "Somebody with the admin token has judged this prediction; that stands."
        return FeedbackResult(outcome=Outcome.TRUSTED_WORD_STANDS, prediction_id=prediction_id, detail=detail)
    detail = "Another caller has judged this prediction; only that caller, or one with the admin token, can change it."
    return FeedbackResult(outcome=Outcome.ANOTHER_WORD_STANDS, prediction_id=prediction_id, detail=detail)
