"""Where a request comes from, as far as it tells: for the audits of changes."""

from fastapi import Request

MAX_ADDRESS_CHARACTERS = 200
"""What an audit keeps of them; a client may write as many as it likes before the gateway adds its own."""


def addresses_of(request: Request) -> str:
    """X-Forwarded-For as the gateway sends it, the client first; without it the peer."""
    peer = request.client.host if request.client else "unknown"
    return request.headers.get("x-forwarded-for", peer)


def audited_addresses(request: Request) -> str:
    """So much of the addresses as an audit keeps."""
    return addresses_of(request)[:MAX_ADDRESS_CHARACTERS]
