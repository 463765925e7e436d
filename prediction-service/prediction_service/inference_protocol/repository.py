"""`/v2/repository`: the index of all folders, and loading and unloading by operators."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import SecretStr, ValidationError

from prediction_service.choice import Choice
from prediction_service.inference_protocol.descriptions import index_of
from prediction_service.inference_protocol.errors import BadInference, documented_errors
from prediction_service.inference_protocol.paths import Name
from prediction_service.inference_protocol.schemas import IndexRequest, LoadRequest
from prediction_service.models.repository import ModelRepository
from shared.http.request_body import read_body
from shared.service.key_models import admin_of_model

MOST_NAMES, MOST_NAME_CHARACTERS = 5, 100
"""Of parameters that a problem repeats."""


def add_repository(router: APIRouter, repository: ModelRepository, choice: Choice, token: SecretStr) -> None:
    """The routes of the index, and those for operators."""
    admin = [Depends(admin_of_model(token))]

    @router.post(
        "/repository/index",
        summary="Every version that is known, and its state",
        responses=documented_errors(400, 413, 415),
    )
    async def repository_index(request: Request) -> list[dict[str, str]]:
        wanted, shown = await read_body(request, read_index_request), choice.shown(request)
        return [entry for entry in index_of(repository, ready=wanted.ready) if entry["name"] in shown]

    @router.post(
        "/repository/models/{name}/load",
        summary="Load a model's folders anew",
        responses=documented_errors(400, 401, 404, 413, 415, 422),
        dependencies=admin,
    )
    async def load_model(name: Name, request: Request) -> dict[str, Any]:
        """All versions are loaded beside what serves, and then take over; the folder says what they are."""
        await read_body(request, check_load_request)
        await repository.load(name)
        return {}

    @router.post(
        "/repository/models/{name}/unload",
        summary="Take a model out of service",
        responses=documented_errors(401, 404),
        dependencies=admin,
    )
    async def unload_model(name: Name) -> dict[str, Any]:
        """All versions finish what they have, here; `load`, or a start of the service, brings them back."""
        await repository.unload(name)
        return {}


def read_index_request(body: bytes) -> IndexRequest:
    """The body of an index request; an empty one means {}. Raises BadInference."""
    try:
        return IndexRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise BadInference("The body is {} or {'ready': true}.") from error


def check_load_request(body: bytes) -> None:
    """Raises BadInference for what would have to be loaded otherwise than it lies in the folder, and for no JSON."""
    try:
        wanted = LoadRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise BadInference("The body is {} or left out.") from error
    if wanted.parameters:
        raise BadInference(
            f"A load takes no parameters ({named(wanted.parameters)}): what a model is, its folder says."
        )


def named(parameters: Mapping[str, object]) -> str:
    """The first of them, cut where a name is long, and how many more there are: a body has room for many."""
    names = [repr(name[:MOST_NAME_CHARACTERS]) for name in islice(parameters, MOST_NAMES)]
    more = len(parameters) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
