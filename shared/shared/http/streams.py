"""Bodies without an end in sight: their types, and whether a response may begin before they have come."""

from starlette.types import Scope

from shared.http.request_id import header

CSV, NDJSON = "text/csv", "application/x-ndjson"

ONE_WAY_HEADER = b"x-one-way"
"""Set by the gateway alone, and taken from nobody: there are proxies before it, see `is_one_way`."""

PROXIES_SAY = (b"via", b"forwarded", b"x-forwarded-for", b"x-forwarded-server", b"x-real-ip")
"""Fields that a proxy adds."""


def stream_type(scope: Scope) -> str | None:
    """CSV or NDJSON; None: the body is something else."""
    value = header(scope, b"content-type")
    if value is None:
        return None
    kind = value.partition(b";")[0].strip().lower().decode("latin-1")
    return kind if kind in {CSV, NDJSON} else None


def came_through_proxies(scope: Scope) -> bool:
    """Whether somebody else has passed this request on, as far as one can see."""
    return any(header(scope, name) is not None for name in PROXIES_SAY)


def is_one_way(scope: Scope) -> bool:
    """Whether a proxy other than our gateway stands between: the response must not begin before the body has ended.

    Go's HTTP/1.1 server, and so Traefik, takes what a client still sends for unwanted once a response begins: it drops
    up to 256 KiB of it, or all of it, and the service could not tell the rest from the end of the body.
    """
    names = (b"via", b"forwarded", b"x-forwarded-server", ONE_WAY_HEADER)
    hops = header(scope, b"x-forwarded-for") or b""
    return b"," in hops or any(header(scope, name) is not None for name in names)
