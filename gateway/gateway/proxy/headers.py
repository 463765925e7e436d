"""Headers and targets as they change on the way through: hop-by-hop headers stay here, forwarding headers are ours."""

from collections.abc import Iterable

from starlette.types import Scope

from gateway.request.context import RequestContext
from gateway.request.shown_key import CREDENTIALS
from shared.http.caller import CALLER_HEADER
from shared.http.key_holder import HOLDER_HEADER
from shared.http.request_id import current_request_id, header
from shared.http.streams import ONE_WAY_HEADER, came_through_proxies
from shared.tracing.context import traceparent, tracing

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""RFC 9110 section 7.6.1: for the next hop only."""

SET_BY_US = frozenset(
    {
        b"content-length",
        b"expect",
        b"forwarded",
        b"host",
        b"origin",
        b"sec-fetch-site",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
        b"x-forwarded-server",
        b"x-real-ip",
        b"x-request-id",
        CALLER_HEADER,
        HOLDER_HEADER,
        ONE_WAY_HEADER,
    }
)
"""What a client says here is not passed on as it is; `expect` was answered by our server, and what browsers say about
their pages was judged at the door."""

TRACE = frozenset({b"traceparent"})
"""Where this gateway traces, it is the one who asks."""

NOT_FORWARDED = {
    (with_key, traces): HOP_BY_HOP | SET_BY_US | (CREDENTIALS if with_key else set()) | (TRACE if traces else set())
    for with_key in (False, True)
    for traces in (False, True)
}
"""By whether the client has shown a key, and whether this gateway traces."""

NOT_RETURNED = HOP_BY_HOP | {b"date", b"server", b"x-request-id"}
"""Of an upstream's response: our server writes these itself."""

Header = tuple[bytes, bytes]


def target_of(scope: Scope) -> bytes:
    """Path and query exactly as the client sent them."""
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path


def request_headers(scope: Scope, context: RequestContext) -> list[Header]:
    """The client's headers for the upstream, but for `Host` and what tells where the body ends.

    `X-Caller` is what the caller is counted as by the limiter, so that services can count it as well. A key stays here:
    services are told whose it is, and what that may do.
    """
    traces = tracing.sampler is not None
    dropped = NOT_FORWARDED[context.key is not None, traces]
    if header(scope, b"connection") is not None:
        dropped = dropped | named_in_connection(scope["headers"])
    headers = [pair for pair in scope["headers"] if pair[0] not in dropped]
    headers += forwarding_headers(scope, context)
    headers.append((b"x-request-id", current_request_id.get().encode()))
    headers.append((CALLER_HEADER, context.client.limit_key.encode()))
    if context.key is not None:
        headers.append((HOLDER_HEADER, context.key.header))
    if traces:
        headers.append((b"traceparent", traceparent().encode()))
    return headers


def stream_headers(scope: Scope) -> tuple[Header, ...]:
    """What the service cannot see any more: whether proxies stand before this gateway."""
    return ((ONE_WAY_HEADER, b"1"),) if came_through_proxies(scope) else ()


def forwarding_headers(scope: Scope, context: RequestContext) -> tuple[Header, ...]:
    """X-Forwarded-*: what a trusted proxy says, with this hop added; from anybody else what we see ourselves."""
    peer = scope["client"][0] if scope.get("client") else "unknown"
    proto = scope["scheme"].encode()
    if context.hops is not None:
        peer = ", ".join([*context.hops, peer])
        proto = header(scope, b"x-forwarded-proto") or proto
    return (
        (b"x-forwarded-for", peer.encode("latin-1")),
        (b"x-forwarded-proto", proto),
        (b"x-forwarded-host", forwarded_host(scope, context)),
    )


def forwarded_host(scope: Scope, context: RequestContext) -> bytes:
    """What the client calls this place, as far as one can trust who says so."""
    said = header(scope, b"x-forwarded-host") if context.through_proxy else None
    return said or header(scope, b"host") or b""


def response_headers(headers: list[Header]) -> list[Header]:
    """The upstream's headers, names in lower case, for the client."""
    dropped = NOT_RETURNED
    names = [name for name, _ in headers]
    if b"connection" in names:
        dropped = dropped | named_in_connection(headers)
    if b"transfer-encoding" in names:
        dropped = dropped | {b"content-length"}  # which does not count then (RFC 9112 section 6.3)
    return [pair for pair in headers if pair[0] not in dropped]


def named_in_connection(headers: Iterable[Header]) -> frozenset[bytes]:
    """Further hop-by-hop headers: those that `Connection` names."""
    return frozenset(
        [token.strip().lower() for name, value in headers if name == b"connection" for token in value.split(b",")]
    )
