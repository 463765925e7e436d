"""What ASGI calls a scope: what an application is told of a request and of the connection on which it came."""

import asyncio
from typing import Any

from shared.http.server.request_head import Head

ASGI = {"version": "3.0", "spec_version": "2.3"}


def connection_scope(transport: asyncio.Transport) -> dict[str, Any]:
    """What all requests of a connection have in common."""
    return {
        "type": "http",
        "asgi": ASGI,
        "server": address_of(transport, "sockname"),
        "client": address_of(transport, "peername"),
        "scheme": "https" if transport.get_extra_info("sslcontext") else "http",
        "root_path": "",
    }


def address_of(transport: asyncio.Transport, end: str) -> tuple[str, int] | None:
    """Address and port of one end of a connection; None for a Unix socket."""
    address = transport.get_extra_info(end)
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) else None


def request_scope(connection: dict[str, Any], request: Head, state: dict[str, Any]) -> dict[str, Any]:
    """Of one request; `connection` is the scope that all of its connection have in common, `state` is copied."""
    return {
        **connection,
        "http_version": request.http_version,
        "method": request.method,
        "path": request.path,
        "raw_path": request.raw_path,
        "query_string": request.query,
        "headers": request.headers,
        "state": state.copy(),
    }
