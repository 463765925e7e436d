"""Who changes something, as far as a request tells."""

from typing import Annotated

from fastapi import Depends, Request

from metrics_service.audit.trail import ChangedBy
from shared.http.addresses import audited_addresses
from shared.http.request_id import current_request_id


def changed_by(request: Request) -> ChangedBy:
    """The request's id and the addresses it came through: the gateway's word, or else the peer."""
    return ChangedBy(current_request_id.get(), audited_addresses(request))


WhoChanges = Annotated[ChangedBy, Depends(changed_by)]
