"""Where a service listens: an address for HTTP, or a Unix socket of this machine."""

import os
from pathlib import PurePath
from typing import NamedTuple, Self

from pydantic import HttpUrl, TypeAdapter, ValidationError
from yarl import URL

from shared.settings.behind_the_gateway import LOCALHOST, MAX_SOCKET_BYTES

UNIX = "unix:"

LOCAL = URL(f"http://{LOCALHOST}")

http_url = TypeAdapter(HttpUrl)


class Address(NamedTuple):
    """One service's."""

    url: URL
    """Scheme, host, port, and the path before all paths."""
    socket: str | None = None
    """The path of the socket that is connected to, whatever the host is."""

    @classmethod
    def of(cls, text: str) -> Self:
        """From `http://host:8001`, which paths are appended to, or `unix:/path/of/the.sock`. Raises ValueError."""
        if not text.startswith(UNIX):
            try:
                return cls(URL(str(http_url.validate_python(text)).rstrip("/")))
            except ValidationError:
                raise ValueError("is neither http://host:port nor unix:/path/of/the.sock") from None
        path = text.removeprefix(UNIX)
        if not PurePath(path).is_absolute():
            raise ValueError("names a Unix socket by a path that does not begin with /, as unix:/run/service.sock does")
        if len(os.fsencode(path)) > MAX_SOCKET_BYTES:
            raise ValueError(f"names a Unix socket by more than {MAX_SOCKET_BYTES} bytes")
        return cls(LOCAL, path)
