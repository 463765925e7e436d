"""The record of predictions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import SecretStr
from starlette.responses import Response
from starlette.status import HTTP_200_OK

from metrics_service.api.caller_name import digest_of
from metrics_service.api.changed_by import WhoChanges
from metrics_service.api.export import Export
from metrics_service.api.moment import Moment
from metrics_service.models.catalogue import ModelCatalogue
from metrics_service.predictions.contracts import Erased, PredictionPage, RecordedPrediction
from metrics_service.predictions.erasure import Eraser
from metrics_service.predictions.export import Exporter
from metrics_service.predictions.export_forms import MEDIA_TYPES, Form
from metrics_service.predictions.filter import FeedbackWanted, Filter
from metrics_service.predictions.reader import RecordReader
from shared.contracts.labels import Label
from shared.contracts.names import ModelName, ModelVersion, TaskType
from shared.contracts.problem import FieldError
from shared.contracts.rights import Right
from shared.contracts.values import LARGEST_VALUE
from shared.http.caller import key_digest
from shared.http.openapi import problems
from shared.http.problems import InvalidRequest
from shared.http.read_only import only_read
from shared.http.strict_route import StrictRoute
from shared.service.key_models import EVERY_MODEL, KeyModels, guarded_key_models

MOST_ON_A_PAGE = 1000

Share = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]
Value = Annotated[float, Query(ge=-LARGEST_VALUE, le=LARGEST_VALUE, allow_inf_nan=False)]
PredictionId = Annotated[
    UUID, Path(description="As its response had it", examples=["01a20847-a5a7-7417-9958-3271ea4081d2"])
]
CallerName = Annotated[
    str,
    Query(
        min_length=1,
        max_length=200,
        description="An address (of IPv6 its network counts: `2001:db8::/64`), or the digest that `caller` of a "
        "prediction is; what came with a key counts for the key and for no address",
        examples=["127.0.0.1"],
    ),
]
KeyId = Annotated[UUID, Query(description="Of the key they came with", examples=[None])]
Cursor = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=100,
        description="`next_cursor` of the page before; or the id of the last prediction that you have",
        examples=[None],
    ),
]


def asked_filter(
    model_name: Annotated[ModelName | None, Query()] = None,
    model_version: Annotated[ModelVersion | None, Query(examples=[None])] = None,
    task_type: Annotated[TaskType | None, Query(examples=["classification"])] = None,
    label: Annotated[
        Label | None, Query(description="Of a multilabel model one of its labels", examples=["positive"])
    ] = None,
    min_confidence: Annotated[Share | None, Query(examples=[0.5])] = None,
    max_confidence: Annotated[Share | None, Query(examples=[0.9])] = None,
    min_value: Annotated[Value | None, Query(examples=[-10.0])] = None,
    max_value: Annotated[Value | None, Query(examples=[10.0])] = None,
    since: Annotated[Moment | None, Query(description="Made then or later", examples=["2026-01-01T00:00:00Z"])] = None,
    until: Annotated[Moment | None, Query(description="Made before", examples=["2027-01-01T00:00:00Z"])] = None,
    caller: CallerName | None = None,
    feedback: Annotated[FeedbackWanted | None, Query(description="Whether there is any")] = None,
    key_id: KeyId | None = None,
) -> Filter:
    """Which predictions are meant: all that fit everything that is named."""
    return Filter(
        model_name, model_version, task_type, label, min_confidence, max_confidence, min_value, max_value, since, until,
        None if caller is None and key_id is None else asked_caller(caller, key_id), feedback, key_id,
    )  # fmt: skip


def asked_caller(caller: str | None, key_id: UUID | None) -> UUID:
    """The digest of who is meant, by one of both. Raises InvalidRequest."""
    if caller is not None and key_id is None:
        return digest_of(caller)
    if key_id is not None and caller is None:
        return key_digest(key_id)
    message = "is the caller of all that came with it: name one of both" if key_id else "or key_id must be there"
    raise InvalidRequest([FieldError(location=f"query.{'key_id' if key_id else 'caller'}", message=message)])


EXPORTED = {
    media_type.partition(";")[0]: {
        "schema": {"type": "string", **({"format": "binary"} if form is Form.PARQUET else {})}
    }
    for form, media_type in MEDIA_TYPES.items()
}
"""The contents of an export, for the document."""

Asked = Annotated[Filter, Depends(asked_filter)]


def predictions_router(
    reader: RecordReader, exporter: Exporter, eraser: Eraser, catalogue: ModelCatalogue, token: SecretStr
) -> APIRouter:
    """Reading the record, and erasing from it."""
    router = APIRouter(
        prefix="/predictions",
        tags=["record"],
        route_class=StrictRoute,
    )
    may_read, may_erase = Depends(guarded_key_models(token, Right.READ)), Depends(guarded_key_models(token))

    only_read(router, "/predictions/export", "DELETE")

    @router.get("", summary="Predictions on record", responses=problems(401, 404, 422, 503))
    async def list_predictions(
        asked: Asked,
        models: Annotated[KeyModels, may_read],
        limit: Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE, description="At most so many")] = 50,
        cursor: Cursor = None,
    ) -> PredictionPage:
        """Newest first, page by page: give `next_cursor` back with the same filters until there is none.

        A cursor stays right while predictions are added and old ones go: none that is on record all the time is left
        out or comes twice. What was answered while the record was away is here once it has been caught up with.
        """
        models.require(asked.model_name)
        await catalogue.check(asked.model_name, asked.model_version, asked.task_type)
        return await reader.page(asked, cursor, limit)

    @router.get(
        "/export",
        summary="Predictions on record, as many as there are",
        response_class=Export,
        status_code=HTTP_200_OK,  # FastAPI's document needs to be told: Export takes none
        responses=problems(401, 404, 422, 503) | {200: {"description": "The predictions", "content": EXPORTED}},
    )
    async def export_predictions(
        asked: Asked,
        models: Annotated[KeyModels, may_read],
        form: Annotated[Form, Query(alias="format", description="What they are written in")] = Form.NDJSON,
        cursor: Cursor = None,
    ) -> Response:
        """A stream, newest first, of any length.

        In NDJSON a line is what `GET /predictions` has of a prediction; in CSV and Parquet, feedback has columns of its
        own, and what is nested is JSON as text.

        A stream that breaks off has no end, which HTTP clients report. To go on, ask again with the `prediction_id` of
        the last whole line in `cursor`, and the same filters, and append: CSV then comes without its line of names.
        """
        models.require(asked.model_name)
        await catalogue.check(asked.model_name, asked.model_version, asked.task_type)
        after = await reader.place(cursor, asked)
        return Export(exporter.pieces(asked, after, form), form, form.media_type(goes_on=after is not None))

    @router.get(
        "/{prediction_id}",
        summary="One prediction on record",
        responses=problems(401, 404, 422, 503),
    )
    async def get_prediction(prediction_id: PredictionId, models: Annotated[KeyModels, may_read]) -> RecordedPrediction:
        """With the feedback on it, if there is any."""
        return await reader.find(prediction_id, models)

    @router.delete("/{prediction_id}", summary="Erase a prediction", responses=problems(401, 404, 422, 503))
    async def erase_prediction(
        changed_by: WhoChanges, prediction_id: PredictionId, models: Annotated[KeyModels, may_erase]
    ) -> Erased:
        """With its feedback and all else that is kept of it; aggregates stay. Who did so is on the audit trail.

        One that is not on record is noted as well: if it waits in a journal, it will not come.
        But with a key for some models it is a 404, as one of another model is.
        """
        if models is not EVERY_MODEL:
            await reader.find(prediction_id, models)
        return await eraser.erase_prediction(prediction_id, changed_by)

    @router.delete("", summary="Erase what a caller has asked", responses=problems(401, 404, 422, 503))
    async def erase_caller(
        changed_by: WhoChanges,
        models: Annotated[KeyModels, may_erase],
        caller: CallerName | None = None,
        key_id: KeyId | None = None,
        model_name: Annotated[ModelName | None, Query()] = None,
    ) -> Erased:
        """All predictions of a caller, or of a key, until now, of one model or of all.

        As `DELETE /predictions/{prediction_id}` does; one of `caller` and `key_id` must be there.

        Many take a while: `is_complete` says whether they are gone; if not, the rest goes within minutes.
        """
        models.require(model_name)
        whose = asked_caller(caller, key_id)
        await catalogue.check(model_name)
        return await eraser.erase_caller(whose, model_name, changed_by, key_id)

    return router
