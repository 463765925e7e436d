"""Who a proxy says is calling: a person who is signed in there, and whose key they are taken for.

Only trusted proxies are believed. The header goes no further than this, whoever sent it.
"""

from collections.abc import Mapping

from starlette.types import Scope

from shared.http.problems import Problem

LONGEST_IDENTITY = 320
"""Characters: of a mail address. Whoever is longer is nobody that the table knows."""

EVERYBODY = "*"
EVERYBODY_AT = "*@"

COMMA = b","
"""Between two fields of one name that somebody on the way has joined to one (RFC 9110 section 5.3)."""

TAKEN_HEADERS = frozenset({
    "authorization", "connection", "content-length", "content-type", "cookie", "expect", "forwarded", "host", "origin",
    "sec-fetch-site", "te", "trailer", "transfer-encoding", "upgrade", "x-api-key", "x-caller", "x-forwarded-for",
    "x-forwarded-host", "x-forwarded-prefix", "x-forwarded-proto", "x-key-holder", "x-request-id",
})  # fmt: skip
"""What means something else already."""


class TwoIdentities(Problem):
    """A proxy that adds its word to its client's, in place of taking that away, cannot be believed."""

    status = 400
    title = "Bad Request"

    def __init__(self) -> None:
        super().__init__("The proxy names two identities; it must take away what clients send in this header.")


class Identities:
    """`header`: its name in lower case; empty: none is read. `keys`: identity, `*@domain` or `*` → name of a key."""

    def __init__(self, header: str, keys: Mapping[str, str]) -> None:
        self._header, self._keys = header.encode(), keys
        self.names = frozenset(keys.values())

    def take_off(self, scope: Scope, *, through_proxy: bool) -> str | None:
        """Takes the header off a request; the name of the key whose rights its sender has, if the table knows them.

        Raises TwoIdentities.
        """
        if not self._header:
            return None
        values = [value for name, value in scope["headers"] if name == self._header]
        if not values:
            return None
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != self._header]
        if not through_proxy:
            return None
        if len(values) > 1 or COMMA in values[0]:
            raise TwoIdentities
        return self.key_of(values[0].decode("utf-8", errors="replace"))

    def key_of(self, identity: str) -> str | None:
        """The name of the key, by what is said of this identity alone, of its domain, of everybody."""
        identity = identity.strip().lower()
        if not 0 < len(identity) <= LONGEST_IDENTITY:
            return None
        local, at, domain = identity.rpartition("@")
        of_domain = self._keys.get(EVERYBODY_AT + domain) if local and at else None
        return self._keys.get(identity) or of_domain or self._keys.get(EVERYBODY)


def identity_keys_of(lines: tuple[str, ...]) -> dict[str, str]:
    """`alice@example.org=analysts` and the like, as a table. ValueError for what is none, or stands there twice."""
    table: dict[str, str] = {}
    for line in lines:
        identity, separator, key = (part.strip() for part in line.rpartition("="))
        identity = identity.lower()
        if not separator or not key or not is_identity(identity):
            raise ValueError(f"{line!r} is no alice@example.org=KEY, *@example.org=KEY or *=KEY")
        if identity in table:
            raise ValueError(f"names {identity} twice")
        table[identity] = key
    return table


def is_identity(text: str) -> bool:
    """Whether it may stand in the table: a star stands for everybody, or for everybody at a domain."""
    if not 0 < len(text) <= LONGEST_IDENTITY or not text.isprintable() or " " in text:
        return False
    name = text.removeprefix(EVERYBODY_AT) if text.startswith(EVERYBODY_AT) else text
    return text == EVERYBODY or (bool(name) and "*" not in name and not (text != name and "@" in name))
