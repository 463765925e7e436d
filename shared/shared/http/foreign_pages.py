"""State is never changed by what a foreign web page can send.

A page may send requests to any address its visitor's browser reaches, this one too, but cannot hide that it did:
browsers say so in `Sec-Fetch-Site` and `Origin`, which no page can set. What is left are the bodies that forms make,
for browsers that say neither.
"""

from collections.abc import Container, Mapping
from functools import lru_cache

from shared.http.problems import Problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

OWN_SITES = frozenset({b"same-origin", b"none"})
"""What a browser says about our own pages, and about what the user typed."""

FORM_TYPES = frozenset({b"text/plain", b"application/x-www-form-urlencoded", b"multipart/form-data"})
"""Bodies that any page may send anywhere without asking first (the Fetch standard's safelisted content types)."""

DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}


class ForeignPage(Problem):
    """A web page of another origin sent this."""

    status = 403
    title = "Forbidden"

    def __init__(self) -> None:
        super().__init__("A web page of another origin may not do this (see ALLOWED_ORIGINS and CORS_ORIGINS).")


class FormBody(Problem):
    """A body as only forms have it."""

    status = 415
    title = "Unsupported Media Type"

    def __init__(self, content_type: bytes) -> None:
        super().__init__(
            f"Say what the body is: not {content_type.decode('latin-1')}, but application/json, for example."
        )


def refuse_foreign_pages(
    method: str, headers: Mapping[bytes, bytes], host: bytes, allowed_origins: Container[bytes] = ()
) -> None:
    """Raises ForeignPage or FormBody for a request that another site's page could have made.

    `headers`: the first value of each; `host`: what this place is called in the browser's address bar.
    """
    if method in SAFE_METHODS:
        return
    site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
    if (site is not None or origin is not None) and not (
        is_own(site, origin, host) or (origin is not None and origin in allowed_origins)
    ):
        raise ForeignPage
    content_type = headers.get(b"content-type")
    if content_type is not None and media_type(content_type) in FORM_TYPES:
        raise FormBody(media_type(content_type))


@lru_cache(maxsize=256)
def media_type(content_type: bytes) -> bytes:
    """The value of Content-Type without its parameters."""
    return content_type.partition(b";")[0].strip().lower()


def is_own(site: bytes | None, origin: bytes | None, host: bytes) -> bool:
    """Whether our own page, or no page, has sent it."""
    if site is not None:
        return site.lower() in OWN_SITES
    return origin is None or host_of(origin) == without_default_port(host.lower())


def host_of(origin: bytes) -> bytes:
    """Host and port of `https://name:port`; empty for `null` and what is no origin."""
    scheme, separator, authority = origin.lower().partition(b"://")
    if not separator or scheme not in DEFAULT_PORTS:
        return b""
    return without_default_port(authority)


def without_default_port(host: bytes) -> bytes:
    """The host alone where the port is that of a scheme: behind a proxy nobody knows which scheme the browser spoke."""
    for port in DEFAULT_PORTS.values():
        host = host.removesuffix(port)
    return host
