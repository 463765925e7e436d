"""`REDIS_URL` taken apart; pure.

redis://user:password@host:6379/0              one server; rediss:// with TLS
redis+sentinel://user:password@s1:26379,s2/mymaster/0    the master that sentinels name
redis+cluster://user:password@n1:6379,n2       a cluster, found through any of its nodes
"""

from dataclasses import dataclass, field
from enum import StrEnum

from shared.settings.url_parts import check_host_name, check_printable, decoded

FORMS = "redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster:// or rediss+cluster://"
PORT, SENTINEL_PORT, MAX_DATABASE = 6379, 26_379, 1023


class Kind(StrEnum):
    """How the servers belong together."""

    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class RedisTarget:
    """Which Redis."""

    kind: Kind
    hosts: tuple[tuple[str, int], ...]
    """Of the server, the sentinels or some nodes of the cluster."""
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    master: str = ""
    """The name by which sentinels know it."""


def redis_target(url: str) -> RedisTarget:
    """The URL taken apart. Raises ValueError, which never repeats the password."""
    scheme, separator, rest = url.partition("://")
    base, _, suffix = scheme.partition("+")
    if not separator or base not in ("redis", "rediss") or (scheme != base and suffix not in ("sentinel", "cluster")):
        raise ValueError(f"must begin with {FORMS}")
    if "?" in rest:
        name = rest.partition("?")[2].partition("=")[0]
        raise ValueError(
            f"takes nothing behind a ? (it says {name if name.isidentifier() else 'something'}): the database is the "
            "number after the last /, certificates are REDIS_TLS_CA_FILE, REDIS_TLS_CERTIFICATE_FILE and "
            "REDIS_TLS_KEY_FILE"
        )
    check_printable(rest)
    kind = Kind(suffix or "single")
    authority, _, path = rest.partition("/")
    credentials, _, places = authority.rpartition("@")
    username, password = (
        decoded(part, what) or None
        for part, what in zip(credentials.partition(":")[::2], ("the user", "the password"), strict=True)
    )
    master, database = names_in(path, kind)
    hosts = tuple(place(word, SENTINEL_PORT if kind is Kind.SENTINEL else PORT) for word in places.split(","))
    if kind is Kind.SINGLE and len(hosts) > 1:
        raise ValueError("names several hosts: redis+sentinel:// or redis+cluster:// says how they belong together")
    return RedisTarget(kind, hosts, base == "rediss", username, password, database, master)


def names_in(path: str, kind: Kind) -> tuple[str, int]:
    """The master's name and the database, from what follows the hosts. Raises ValueError."""
    words = [decoded(word, "what follows the hosts") for word in path.removesuffix("/").split("/")] if path else []
    if kind is Kind.SENTINEL and not (words and words[0].strip()):
        raise ValueError("must name the master after the sentinels, as in redis+sentinel://host:26379/mymaster")
    master = words.pop(0) if kind is Kind.SENTINEL else ""
    if not words:
        return master, 0
    database = words.pop(0)
    if words or not (database.isascii() and database.isdigit() and len(database) < 5 and int(database) <= MAX_DATABASE):
        raise ValueError(f"names a database that is not a number from 0 to {MAX_DATABASE}")
    if kind is Kind.CLUSTER and int(database):
        raise ValueError("names a database, and a cluster has none but 0")
    return master, int(database)


def place(word: str, default_port: int) -> tuple[str, int]:
    """`host`, `host:6379`, `[::1]:6379`. Raises ValueError."""
    if word.startswith("["):
        name, closed, port = word[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            raise ValueError("names an IPv6 address that is not of the form [::1]:6379")
        port = port[1:]
    else:
        name, _, port = word.partition(":")
    if not name:
        raise ValueError("must name a host, as in redis://host:6379/0")
    if port and not (port.isascii() and port.isdigit() and len(port) < 6 and 1 <= int(port) <= 65_535):
        raise ValueError("names a port that is not a number from 1 to 65535 (a / in the password is written %2F)")
    name = decoded(name, "a host")
    check_host_name(name)
    return name, int(port) if port else default_port
