"""Who changes something, as far as a request tells."""

from fastapi import Request

from prediction_service.rollouts.store import ChangedBy
from shared.contracts.rollouts import RolloutChange, RolloutEnd
from shared.http.addresses import audited_addresses
from shared.http.caller import current_key_id
from shared.http.request_id import current_request_id

UNNAMED = "admin"
"""Whoever has the admin token and does not say their name."""


def changed_by(request: Request, body: RolloutChange | RolloutEnd) -> ChangedBy:
    """The name that they state, the request's id, the addresses it came through, or the peer, and their key's id."""
    name, came_through = body.changed_by or UNNAMED, audited_addresses(request)
    return ChangedBy(name, body.reason, current_request_id.get(), came_through, current_key_id.get())
