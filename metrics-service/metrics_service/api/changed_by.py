"""Who changes something, as far as a request tells."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from metrics_service.audit.trail import ChangedBy
from shared.http.addresses import audited_addresses
from shared.http.caller import current_key_id
from shared.http.request_id import current_request_id


def changed_by(request: Request) -> ChangedBy:
    """The request's id, the addresses it came through (the gateway's word, or else the peer), and the key's id."""
    key_id = current_key_id.get()
    return ChangedBy(current_request_id.get(), audited_addresses(request), None if key_id is None else UUID(key_id))


WhoChanges = Annotated[ChangedBy, Depends(changed_by)]
