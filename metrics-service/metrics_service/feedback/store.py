"""Takes feedback and says what it amounts to. Without Postgres: DatabaseUnavailable.

A label must be one of the labels of the prediction's model, and what has neither a label, a set of labels nor a
regression's value cannot be judged. Of a caller's words on a prediction the last one counts. A trusted word overrules
any other; without the admin token nobody changes what another caller said: the first one who judges a prediction is
most likely who asked for it, as nobody else was told its id. No caller without the token counts for more than
`caller_limit` judgements in a window, however many it gives.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BindParameter, Row, Uuid, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import DateTime, Double, Text

from metrics_service.database import autocommit, transaction
from metrics_service.feedback.contracts import Caller, Feedback, FeedbackResult, Outcome, Quality, RecordedFeedback
from metrics_service.feedback.corroboration import corroborated
from metrics_service.feedback.fit import UNFIT, labels_of, refusal, said_in
from metrics_service.feedback.quality import (
    Judged,
    JudgedSets,
    Pairs,
    Recognized,
    accuracy,
    confusion,
    label_qualities,
    right_and_all,
    set_quality,
)
from metrics_service.sql import statement
from metrics_service.windows.errors import value_errors
from metrics_service.windows.rollups import CHOICE, Selection, choice_of
from shared.contracts.problem import FieldError
from shared.http.problems import InvalidRequest, Problem

PREDICTIONS = statement("predictions_by_id", bindparam("ids", type_=ARRAY(Uuid())))

GIVE = statement(
    "give_feedback",
    bindparam("ids", type_=ARRAY(Uuid())),
    bindparam("labels", type_=ARRAY(Text)),
    bindparam("values", type_=ARRAY(Double)),
    bindparam("sets", type_=ARRAY(Text)),
    bindparam("given_by", type_=Text),
    bindparam("key_id", type_=Uuid()),
    bindparam("trusted_on", type_=ARRAY(Text)),
)
"""In the order of their ids, so that callers who judge the same predictions never wait for each other in a circle."""

STANDING = statement("trusted_feedback", bindparam("ids", type_=ARRAY(Uuid())))
"""Of predictions whose word was not changed, those where it is a trusted one."""

JUDGED_WITHIN: tuple[BindParameter[Any], ...] = (
    *CHOICE,
    bindparam("start", type_=DateTime(timezone=True)),
    bindparam("end", type_=DateTime(timezone=True)),
    bindparam("caller_limit", type_=Double),
)

PAIRS = statement("feedback_pairs", *JUDGED_WITHIN)

SETS = statement("feedback_sets", *JUDGED_WITHIN)


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

        Raises UnknownPrediction, InvalidRequest for what was said, TrustedWordStands and AnotherWordStands.
        """
        (result,) = await self.give_all([given], caller)
        detail = result.detail or ""
        if result.outcome is Outcome.UNKNOWN_PREDICTION:
            raise UnknownPrediction(detail)
        if result.outcome in UNFIT:
            raise InvalidRequest([FieldError(location=f"body.{said_in(given)}", message=detail)])
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
                "sets": [None if row.labels is None else orjson.dumps(row.labels).decode() for row in taken.values()],
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

    async def judged(self, selection: Selection) -> tuple[Pairs, JudgedSets]:
        """What was predicted and what was right, over predictions made in the window: single labels, and sets."""
        window = {"start": selection.window.start, "end": selection.window.end}
        parameters = {**window, **choice_of(selection), "caller_limit": self.caller_limit}
        async with autocommit(self.engine) as connection:
            pairs = (await connection.execute(PAIRS, parameters)).all()
            sets = (await connection.execute(SETS, parameters)).all()
        return (
            {(row.prediction_label, row.actual_label): Judged(row.n, row.weight) for row in pairs},
            judged_sets(sets),
        )

    async def quality(self, selection: Selection) -> Quality:
        """Accuracy, precision and recall of each label, and errors of values, over predictions made in the window."""
        pairs, sets = await self.judged(selection)
        async with autocommit(self.engine) as connection:
            errors = await value_errors(connection, selection)
        said = await corroborated(self.engine, selection, self.caller_limit)
        _, weight = right_and_all(pairs, sets)
        confused, left_out = confusion(pairs)
        return Quality(
            feedback_count=sum(judged.count for judged in pairs.values()) + sets.judged.count,
            weight=weight,
            callers=said.callers,
            is_independent=said.counted > weight / 2,
            accuracy=accuracy(pairs, sets),
            labels=label_qualities(pairs, sets),
            sets=set_quality(sets),
            errors=errors,
            confusion=confused,
            confusion_left_out=left_out,
            task_type=selection.task_type,
            model_name=selection.model_name,
            model_version=selection.model_version,
            time_window_start=selection.window.start,
            time_window_end=selection.window.end,
        )


def judged_sets(rows: Sequence[Row[Any]]) -> JudgedSets:
    """Rows of labels, and the one without a label, which is of all judgements together; there is none of none."""
    recognized = {
        row.label: Recognized(row.predicted, row.actual, row.predicted_weight, row.actual_weight, row.right_weight)
        for row in rows
    }
    whole = recognized.pop(None, Recognized())
    return JudgedSets(Judged(whole.actual, whole.actual_weight), whole.right_weight, recognized)


def result_of(
    given: Feedback,
    recorded: Mapping[UUID, Mapping[str, object]],
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
