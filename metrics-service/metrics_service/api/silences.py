"""Silences."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import SecretStr
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from metrics_service.api.changed_by import WhoChanges
from metrics_service.models.catalogue import ModelCatalogue
from metrics_service.silences.contracts import NewSilence, Silence, SilenceList
from metrics_service.silences.store import SilenceStore
from shared.contracts.rights import Right
from shared.http.openapi import problems
from shared.http.strict_route import StrictRoute
from shared.service.key_models import KeyModels, guarded_key_models, open_to_key_models

SilenceId = Annotated[UUID, Query(description="As `GET` lists it", examples=["01a20847-a5a7-7417-9958-3271ea4081d2"])]


def silences_router(store: SilenceStore, catalogue: ModelCatalogue, token: SecretStr) -> APIRouter:
    """For a time nobody is told."""
    router = APIRouter(prefix="/metrics/silences", tags=["alerts"], route_class=StrictRoute)
    may_read, may_silence = Depends(open_to_key_models(token, Right.READ)), Depends(guarded_key_models(token))

    @router.get("", summary="Silences that last", responses=problems(503))
    async def list_silences(models: Annotated[KeyModels, may_read]) -> SilenceList:
        """Which alerts nobody is told of at the moment, and until when.

        With a key for some models, those of these models.
        """
        lasting = await store.lasting()
        return SilenceList(silences=[silence for silence in lasting if silence.model_name in models])

    @router.post(
        "",
        summary="Silence alerts",
        responses=problems(401, 404, 422, 503),
        status_code=HTTP_201_CREATED,
    )
    async def set_silence(
        models: Annotated[KeyModels, may_silence], changed_by: WhoChanges, asked: NewSilence
    ) -> Silence:
        """Until it ends nobody is told that such alerts open or change; they are on record and in `/metrics/alerts`.

        The end of an alert that was told is told. What is open when the silence ends is told then.
        """
        models.require(asked.model_name)
        await catalogue.check(asked.model_name)
        return await store.set(asked, changed_by)

    @router.delete(
        "",
        summary="End a silence",
        responses=problems(401, 404, 422, 503),
        status_code=HTTP_204_NO_CONTENT,
    )
    async def end_silence(
        changed_by: WhoChanges, silence_id: SilenceId, models: Annotated[KeyModels, may_silence]
    ) -> None:
        """Who set and who ended it stays in the audit trail."""
        await store.end(silence_id, changed_by, models)

    return router
