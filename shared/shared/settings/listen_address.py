"""`HOST`: an address to listen on."""

import errno
import re
import socket
from ipaddress import IPv6Address, ip_address
from typing import Annotated

from pydantic import AfterValidator

NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")


def check_host(text: str) -> str:
    """An IPv4 or IPv6 address, with or without brackets, or a name; ValueError otherwise."""
    host = text.removeprefix("[").removesuffix("]") if text.startswith("[") else text
    try:
        return str(ip_address(host))
    except ValueError:
        if NAME.fullmatch(host) and not re.fullmatch(r"[\d.]+", host):
            return host
        raise ValueError("is neither an address, such as 127.0.0.1, 0.0.0.0 or ::1, nor a name") from None


Host = Annotated[str, AfterValidator(check_host)]


def why_not_to_listen(host: str, port: int) -> str | None:
    """Why a server could not listen there now, beginning with the variable to change; None when it could."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        return f"HOST: there is no address of the name {host}"
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return reason_not_to_bind(error, host, port)
    return None


def reason_not_to_bind(error: OSError, host: str, port: int) -> str:
    """In words for the person who chose host and port."""
    if error.errno == errno.EADDRINUSE:
        return f"PORT: {port} is taken on {host}"
    if error.errno == errno.EACCES:
        return f"PORT: this user may not listen on {port}"
    if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
        return f"HOST: {host} is no address of this machine"
    return f"HOST: cannot listen on {host}: {error.strerror}"


def reached_by(host: str) -> str:
    """The host part of a URL that leads to a server listening on `host`, from this machine."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 -- it is not listened on here
    if host in everywhere:
        return everywhere[host]
    return f"[{IPv6Address(host).compressed}]" if ":" in host else host
