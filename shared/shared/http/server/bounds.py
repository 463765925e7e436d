"""What one connection may hold, and how long it may take. Each is a setting; see the README's table."""

from dataclasses import dataclass, fields
from typing import Any, Self


@dataclass(frozen=True)
class Bounds:
    """Sizes in bytes, times in seconds."""

    max_head_bytes: int = 32_768
    """Request line and header fields together. Common servers allow 8 to 64 KiB."""

    max_head_fields: int = 128
    """Header fields of one request. Apache and hyper allow 100, browsers send about 20."""

    max_trailer_bytes: int = 16_384
    """Trailers and chunk extensions of one body together: nobody reads either."""

    max_pipelined_requests: int = 16
    """Requests that may wait behind the one that is being answered; then reading stops."""

    first_byte_seconds: float = 15.0
    """From the connection to the first byte of its first request."""

    head_seconds: float = 15.0
    """From the first byte of a request to the end of its head."""

    idle_seconds: float = 75.0
    """Between two requests. Longer than any client of ours keeps a connection: it is the client that closes, so that
    no request is ever sent into a connection that is being closed."""

    progress_seconds: float = 20.0
    progress_bytes: int = 1024
    """In so many seconds at least so much of a body must arrive, and of a response that fills its buffer be taken."""

    linger_seconds: float = 30.0
    linger_bytes: int = 33_554_432
    """After a response that came before the end of the request's body: how long and how much is still read, so that
    the client gets to read the response. nginx has the same 30 s, and no bound on the size."""

    max_connections: int = 16_384
    """Of the whole process."""

    @classmethod
    def of(cls, settings: Any) -> Self:
        """The bounds that the settings of a service name."""
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})
