"""Keys over HTTP, for operators: the admin token, or a key with the right `admin`."""

from collections.abc import Callable, Coroutine
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import SecretStr
from starlette.status import HTTP_201_CREATED

from gateway.keys.changes import KeyChanges
from gateway.keys.contracts import NAME, Key, KeyChange, KeyHistory, KeyPage, KeyRotation, KeyUse, KeyWithSecret, NewKey
from gateway.keys.store import ChangedBy
from gateway.proxy.headers import forwarding_headers
from gateway.request.context import context_of
from shared.contracts.audit import Name, Reason
from shared.http.addresses import MAX_ADDRESS_CHARACTERS
from shared.http.openapi import problems
from shared.http.read_only import only_read
from shared.http.request_id import current_request_id
from shared.http.strict_route import StrictRoute
from shared.service.admin_token import bearer, require

MOST_ON_A_PAGE = 1000

UNNAMED = "admin"
"""Whoever does not say their name."""

NAME_OR_NONE = rf"^({NAME})?$"

KeyId = Annotated[UUID, Path(description="As `GET /keys` has it", examples=["01a20847-a5a7-7417-9958-3271ea4081d2"])]


def keys_router(changes: KeyChanges, token: SecretStr) -> APIRouter:
    """Keys, read and changed."""
    router = APIRouter(
        prefix="/keys", tags=["keys"], route_class=StrictRoute, dependencies=[Depends(admin_only(token))]
    )

    @router.get("", summary="Keys, by name", responses=problems(401, 403, 422, 503))
    async def list_keys(
        after: Annotated[str, Query(pattern=NAME_OR_NONE, description="`next_after` of the page before")] = "",
        limit: Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE, description="At most so many")] = 100,
    ) -> KeyPage:
        """Those that are not revoked. The keys themselves are kept nowhere."""
        return await changes.page(after, limit)

    @router.post("", summary="Make a key", status_code=HTTP_201_CREATED, responses=problems(401, 403, 409, 422, 503))
    async def create_key(wanted: NewKey, request: Request) -> KeyWithSecret:
        """`key` is shown this once. In force on all gateways within two seconds.

        409: another key has this name, or there are as many keys as there can be.
        """
        return await changes.create(wanted, asked_by(request, wanted.changed_by, wanted.reason))

    @router.get("/audit", summary="Who changed keys", responses=problems(401, 403, 422, 503))
    async def list_key_changes(
        key_id: Annotated[UUID | None, Query(description="Of this key alone", examples=[None])] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE, description="At most so many")] = 100,
    ) -> KeyHistory:
        """Every change of every key, the newest first, with the key after it."""
        return KeyHistory(events=await changes.history(key_id, limit))

    only_read(router, "/keys/audit", "PATCH", "DELETE")

    @router.get("/{key_id}", summary="One key", responses=problems(401, 403, 404, 422, 503))
    async def get_key(key_id: KeyId) -> Key:
        """A revoked one, too."""
        return await changes.find(key_id)

    add_usage(router, changes)

    @router.patch("/{key_id}", summary="Change a key", responses=problems(401, 403, 404, 409, 422, 503))
    async def change_key(key_id: KeyId, change: KeyChange, request: Request) -> Key:
        """What is named takes the place of what was there; in force on all gateways within two seconds.

        409: somebody else was faster, it is revoked, or another key has this name.
        """
        return await changes.change(key_id, change, asked_by(request, change.changed_by, change.reason))

    @router.delete("/{key_id}", summary="Revoke a key", responses=problems(401, 403, 404, 422, 503))
    async def revoke_key(
        key_id: KeyId,
        request: Request,
        reason: Annotated[Reason | None, Query(description="Why; for the audit", examples=[None])] = None,
        changed_by: Annotated[Name | None, Query(description="Who, as far as they say", examples=[None])] = None,
    ) -> Key:
        """Refused from now on, on all gateways within two seconds, for good. Its name is free again."""
        return await changes.revoke(key_id, asked_by(request, changed_by, reason))

    @router.post(
        "/{key_id}/rotate",
        summary="Put another key in its place",
        responses=problems(401, 403, 404, 409, 422, 503),
    )
    async def rotate_key(key_id: KeyId, rotation: KeyRotation, request: Request) -> KeyWithSecret:
        """The same id and rights, a new `key`, shown this once; the old one lives for `old_lives_seconds` more.

        One that was old already ends at once: there are never more than two. 409: somebody else was faster, or it is
        revoked.
        """
        return await changes.rotate(key_id, rotation, asked_by(request, rotation.changed_by, rotation.reason))

    return router


def add_usage(router: APIRouter, changes: KeyChanges) -> None:
    """What keys are used for."""

    @router.get(
        "/{key_id}/usage", summary="What a key was used for, by day", responses=problems(401, 403, 404, 422, 503)
    )
    async def get_usage(
        key_id: KeyId,
        since: Annotated[date | None, Query(description="The first day; 30 days if not given", examples=[None])] = None,
        until: Annotated[date | None, Query(description="The last day; today if not given", examples=[None])] = None,
    ) -> KeyUse:
        """Requests and predictions over all gateways, days of UTC, for 400 days; revoked keys, too.

        Predictions are those on record, exactly: each is counted with what records it. Requests are some seconds
        behind, and a gateway that is killed loses those of its last seconds.
        """
        return await changes.usage(key_id, since, until)

    only_read(router, "/keys/{key_id}/usage", "POST", "PATCH", "DELETE")


def admin_only(token: SecretStr) -> Callable[..., Coroutine[Any, Any, None]]:
    """A dependency: as `admin_token` of the services, for whom the gateway knows itself."""

    async def require_admin(
        request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
    ) -> None:
        """Raises AdminTokenRequired, RightMissing."""
        shown = context_of(request.scope).key
        require(None if shown is None else shown.holder, given, token)

    return require_admin


def asked_by(request: Request, name: str | None, reason: str | None) -> ChangedBy:
    """The name that they state, the key that they have, and the addresses that a service would be told."""
    context = context_of(request.scope)
    addresses = dict(forwarding_headers(request.scope, context))[b"x-forwarded-for"].decode("latin-1")
    return ChangedBy(
        actor=name or UNNAMED,
        actor_key_id=None if context.key is None else context.key.holder.key_id,
        reason=reason or "",
        request_id=current_request_id.get(),
        client_address=addresses[:MAX_ADDRESS_CHARACTERS],
    )
