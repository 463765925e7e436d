"""The head of a request: one reading, or none.

Whatever two readers could understand differently is refused: folded lines, bare line feeds, space before a colon, a
length beside chunks, two lengths even when they agree, other codings, control characters. Everything accepted here
`h11` reads in the same way; a test holds the two together.
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from shared.http.server.host import Hosts
from shared.http.server.refusal import Refused

Header = tuple[bytes, bytes]

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(rb"(?P<method>" + TOKEN + rb") (?P<target>[\x21-\x7e]+) HTTP/1\.(?P<minor>[01])")
FIELD = re.compile(rb"(?P<name>" + TOKEN + rb"):[ \t]*(?P<value>[\t\x20-\x7e\x80-\xff]*)")
VERSION = re.compile(rb" HTTP/[0-9](?:\.[0-9])?$")
ABSOLUTE = re.compile(rb"https?://(?P<authority>[^/?]+)(?P<rest>.*)", re.IGNORECASE)
CONTROL = re.compile(rb"%(?:[01][0-9A-Fa-f]|7[Ff]|[Cc]2%[89][0-9A-Fa-f])")
"""Control characters, escaped: those of ASCII, and those of Latin-1 in UTF-8. Bare ones no target may have."""

IMPOSSIBLE = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n|\Z)|^[^!-~]")
"""What no head can contain: seen at once, however long the rest of the head takes to come."""

LENGTH = re.compile(rb"[0-9]{1,15}")
"""Up to a petabyte: what counts more is no length."""

REMEMBERED_LINES = 2048
LONGEST_REMEMBERED_LINE = 160
"""Clients repeat themselves: most lines of a head were seen a moment ago. Together at most about a megabyte."""

FRAMING = (b"host", b"content-length", b"transfer-encoding")
"""Fields that decide where a request ends or for whom it is: never behind a body."""

ALONE = (*FRAMING, b"authorization", b"x-api-key")
"""Fields that never stand twice: these, and those that say who asks."""

CHUNKED = -1
"""The length of a body whose end is marked by itself."""


class Head(NamedTuple):
    """What one request asks for, and how it goes on."""

    method: str
    path: str
    raw_path: bytes
    query: bytes
    headers: list[Header]
    by_name: dict[bytes, bytes]
    """The first value of each field."""
    length: int
    """Of the body in bytes; CHUNKED when it says so itself."""
    http_version: str
    keep_alive: bool
    expects_continue: bool


def parse_head(head: bytes, hosts: Hosts, max_fields: int) -> Head:
    """The request whose head this is, with the empty line at its end. Raises Refused."""
    line, *lines = head[:-4].split(b"\r\n")
    if len(lines) > max_fields:
        raise Refused(431, "head_too_large", f"A request may have {max_fields} header fields.")
    request = REQUEST_LINE.fullmatch(line)
    if request is None:
        raise bad_request_line(line)
    method, target, minor = request.groups()
    headers = [remembered_field(line) if len(line) < LONGEST_REMEMBERED_LINE else field(line) for line in lines]
    return understood(method, target, headers, dict(reversed(headers)), hosts, current=minor == b"1")


def tell_what_is_readable(refused: Refused, head: bytes) -> None:
    """Tells the refusal of a head which request it is about, as far as that can be read."""
    line, *lines = head.split(b"\r\n")
    request = REQUEST_LINE.fullmatch(line)
    if request is not None:
        fields = [
            (match["name"].lower(), match["value"].rstrip(b" \t")) for match in map(FIELD.fullmatch, lines) if match
        ]
        refused.concerns(request["method"], request["target"], dict(reversed(fields)))


def understood(
    method: bytes, target: bytes, headers: list[Header], by_name: dict[bytes, bytes], hosts: Hosts, *, current: bool
) -> Head:
    """What the lines of a head ask for, together; `current`: in HTTP/1.1. Raises Refused."""
    if len(by_name) != len(headers):
        refuse_repeated(headers)
    host = by_name.get(b"host")
    if host is None or not hosts.admits(host):
        raise bad_host(host)
    if method == b"CONNECT":
        raise Refused(501, "connect", "This is no proxy: CONNECT is not offered.")
    options = connection_options(headers, by_name) if b"connection" in by_name else frozenset()
    if b"upgrade" in options and by_name.get(b"upgrade", b"").lower() == b"websocket":
        raise Refused(501, "websocket", "WebSocket connections are not offered here.")
    raw_path, query = path_and_query(method, target, host)
    path = raw_path.decode("ascii")
    return Head(
        method.decode("ascii"),
        decoded(raw_path, path) if "%" in path else path,
        raw_path,
        query,
        headers,
        by_name,
        body_length(by_name, current=current),
        "1.1" if current else "1.0",
        keep_alive=current and b"close" not in options,
        expects_continue=current and by_name.get(b"expect", b"").lower() == b"100-continue",
    )


def field(line: bytes) -> Header:
    """One header field, its name in lower case. Raises Refused."""
    match = FIELD.fullmatch(line)
    if match is None:
        raise Refused(400, "bad_field", "A header field is not valid.")
    name, value = match.groups()
    return name.lower(), value.rstrip(b" \t")


remembered_field = lru_cache(maxsize=REMEMBERED_LINES)(field)


def refuse_repeated(headers: list[Header]) -> None:
    """Raises Refused when a field that must stand alone does not."""
    names = [name for name, _ in headers]
    for name in ALONE:
        if names.count(name) > 1:
            raise Refused(400, "repeated_field", f"{name.decode().title()} may stand only once.")


def connection_options(headers: list[Header], by_name: dict[bytes, bytes]) -> frozenset[bytes]:
    """The options of all Connection fields, in lower case."""
    value = by_name[b"connection"]
    if len(by_name) != len(headers):
        value = b",".join(value for name, value in headers if name == b"connection")
    return frozenset([option.strip(b" \t") for option in value.lower().split(b",")])


def body_length(by_name: dict[bytes, bytes], *, current: bool) -> int:
    """How long the body is. Raises Refused for anything but one length or one plain chunked coding."""
    coding, length = by_name.get(b"transfer-encoding"), by_name.get(b"content-length")
    if coding is not None:
        if length is not None or not current:
            raise Refused(400, "framing", "Transfer-Encoding is for HTTP/1.1, and never beside Content-Length.")
        if coding.lower() != b"chunked":
            raise Refused(400, "framing", "The only Transfer-Encoding is chunked.")
        return CHUNKED
    if length is None:
        return 0
    if LENGTH.fullmatch(length) is None:
        raise Refused(400, "framing", "Content-Length is not a number of bytes.")
    return int(length)


def path_and_query(method: bytes, target: bytes, host: bytes) -> tuple[bytes, bytes]:
    """Path and query as they are on the wire, from `/path`, `http://host/path` or, for OPTIONS, `*`."""
    if not target.startswith(b"/"):
        target = origin_form(method, target, host)
    if b"#" in target:
        raise Refused(400, "target", "A fragment is never sent.")
    path, _, query = target.partition(b"?")
    return path, query


def origin_form(method: bytes, target: bytes, host: bytes) -> bytes:
    """The part of another form of target that names the resource here. Raises Refused."""
    if target == b"*" and method == b"OPTIONS":
        return target
    absolute = ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise Refused(400, "target", "The target of a request is a path or an http URL.")
    authority, rest = absolute.groups()
    if authority.lower() != host.lower():
        raise Refused(400, "target", "The target of the request is of another host than its Host.")
    return rest if rest.startswith(b"/") else b"/" + rest


def decoded(raw_path: bytes, path: str) -> str:
    """The path without its escapes. Raises Refused when a control character comes out."""
    if CONTROL.search(raw_path) is not None:
        raise Refused(400, "control_character", "A path has no control characters.")
    return unquote(path)


def refuse_impossible(part: bytearray, seen: int) -> None:
    """Raises Refused when the beginning of a head cannot become one, so that its end need not be awaited.

    `seen` bytes of it were looked at before.
    """
    if IMPOSSIBLE.search(part, max(seen - 1, 0)) is not None:
        raise Refused(400, "not_http", "This is not HTTP/1.1.")
    end = part.find(b"\r\n")
    if end >= seen - 1 and end >= 0 and REQUEST_LINE.fullmatch(part, 0, end) is None:
        raise bad_request_line(bytes(part[:end]))


def bad_request_line(line: bytes) -> Refused:
    """Why this is no request line."""
    if VERSION.search(line) is not None:
        return Refused(400, "version", "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
    return Refused(400, "not_http", "The request line is not valid.")


def bad_host(host: bytes | None) -> Refused:
    """Why this Host is not taken."""
    return Refused(400, "host", "A request needs one Host." if host is None else "This Host is not served here.")
