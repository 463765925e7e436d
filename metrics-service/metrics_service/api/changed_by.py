"""Who changes something, as far as a request tells."""

from typing import Annotated

from fastapi import Depends, Request

from metrics_service.audit.trail import ChangedBy
from shared.http.request_id import current_request_id

MAX_ADDRESS_CHARACTERS = 200


def changed_by(request: Request) -> ChangedBy:
    """The request's id and the addresses it came through: the gateway's word, or else the peer."""
    return ChangedBy(current_request_id.get(), addresses(request)[:MAX_ADDRESS_CHARACTERS])


def addresses(request: Request) -> str:
    """X-Forwarded-For as the gateway sends it, the client first; without it the peer."""
    peer = request.client.host if request.client else "unknown"
    return request.headers.get("x-forwarded-for", peer)


WhoChanges = Annotated[ChangedBy, Depends(changed_by)]
