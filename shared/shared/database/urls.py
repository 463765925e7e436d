"""`DATABASE_URL` as people write it, taken apart once for everything that connects: services, migrations, backups.

    postgresql://user:password@host:5432,other:5433/database?target_session_attrs=read-write&sslmode=verify-full

The forms are those of libpq, and `postgresql+asyncpg://` as SQLAlchemy writes it. `parameters` says which parameters
there are; `pgbouncer=true` says that a pooler stands between, which hands each transaction to another connection.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import quote, urlencode

from pydantic import AfterValidator, SecretStr

from shared.database.parameters import (
    BOOLEANS,
    SSL_MODES,
    SYSTEM_CERTIFICATES,
    boolean,
    check_parameter,
    check_together,
)
from shared.settings.url_parts import check_host_name, check_printable, decoded

SCHEMES = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})
DEFAULT_PORT = 5432
NOTHING_NAMED = "must name a host and a database, as in postgresql://user:password@host:5432/database"


@dataclass(frozen=True, slots=True)
class Target:
    """A database, where it may be found, and how to connect to it."""

    hosts: tuple[tuple[str, int], ...]
    """Names or addresses with their ports, in the order in which they are tried; a name that begins with `/` is the
    folder of a socket."""
    database: str
    user: str | None
    password: str | None = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)
    """All others, checked."""

    @property
    def is_pooled(self) -> bool:
        """Whether a transaction pooler stands between: then nothing outlives a transaction."""
        return boolean(self.parameters.get("pgbouncer", "false"))


def target_of(url: SecretStr) -> Target:
    """The URL taken apart. Raises ValueError, which never repeats the password, for what cannot be honoured."""
    scheme, separator, rest = url.get_secret_value().partition("://")
    if not separator:
        raise ValueError("is not a URL")
    if scheme not in SCHEMES:
        raise ValueError("must begin with postgresql:// or postgresql+asyncpg://")
    check_printable(rest)
    before, _, query = rest.partition("?")
    authority, _, path = before.partition("/")
    credentials, _, hosts = authority.rpartition("@")
    user, _, password = credentials.partition(":")
    given = parameters_of(query)
    database = given.pop("dbname", None) or decoded(path, "the database")
    places = places_of(hosts, given.pop("host", None), given.pop("port", None))
    if not places or not database:
        raise ValueError(NOTHING_NAMED)
    return Target(
        hosts=places,
        database=database,
        user=given.pop("user", None) or decoded(user, "the user") or None,
        password=given.pop("password", None) or decoded(password, "the password") or None,
        parameters=given,
    )


def parameters_of(query: str) -> dict[str, str]:
    """Each parameter with its value, checked. Raises ValueError."""
    given = {}
    for word in query.split("&") if query else ():
        name, separator, value = word.partition("=")
        if not separator or not name:
            raise ValueError("has something behind the ? that is not of the form name=value&name=value")
        known, value = in_libpqs_words(decoded(name, "a name behind the ?"), decoded(value, "a value behind the ?"))
        given[known] = value
    for name, value in given.items():
        check_parameter(name, value)
    check_together(given)
    if given.get("sslrootcert") == SYSTEM_CERTIFICATES:
        given.setdefault("sslmode", "verify-full")
    return given


def in_libpqs_words(name: str, value: str) -> tuple[str, str]:
    """`ssl`, as JDBC and SQLAlchemy call it, and `database` as what they are in libpq."""
    if name == "database":
        return "dbname", value
    if name != "ssl":
        return name, value
    if value in SSL_MODES:
        return "sslmode", value
    if value.lower() not in BOOLEANS:
        raise ValueError(f"ssl must be true, false or one of {', '.join(SSL_MODES)}")
    return "sslmode", "require" if boolean(value) else "disable"


def places_of(authority: str, names: str | None, ports: str | None) -> tuple[tuple[str, int], ...]:
    """Hosts with their ports: those between `@` and `/`, and in their places those of `host=` and `port=`.

    As in libpq: each of the two replaces all that the authority says of it. Raises ValueError.
    """
    pairs = [host_and_port(word) for word in authority.split(",")] if authority else []
    hosts = names.split(",") if names else [host for host, _ in pairs]
    given = ports.split(",") if ports else [port for _, port in pairs] or [""]
    if not all(hosts):
        raise ValueError(NOTHING_NAMED)
    for host in hosts:
        if not host.startswith("/"):
            check_host_name(host)
    if len(given) not in (1, len(hosts)):
        raise ValueError(f"names {len(hosts)} hosts and {len(given)} ports")
    numbers = [port_of(word) if word else DEFAULT_PORT for word in given]
    return tuple(zip(hosts, numbers * len(hosts) if len(numbers) == 1 else numbers, strict=True))


def host_and_port(word: str) -> tuple[str, str]:
    """`host`, `host:5432`, `[::1]:5432`. Raises ValueError."""
    if word.startswith("["):
        name, closed, port = word[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            raise ValueError("names an IPv6 address that is not of the form [::1]:5432")
        port = port[1:]
    else:
        name, _, port = word.partition(":")
    return decoded(name, "a host"), port


def port_of(text: str) -> int:
    """A port. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= 65_535):
        raise ValueError(
            "names a port that is not a number from 1 to 65535 (is a / in the password? It is written %2F)"
        )
    return int(text)


def check_database_url(url: SecretStr) -> SecretStr:
    """Raises ValueError unless `url` is that of a Postgres database that can be honoured in all its parts."""
    target_of(url)
    return url


DatabaseUrl = Annotated[SecretStr, AfterValidator(check_database_url)]
"""A checked URL of a Postgres database, with its password; secret."""


def for_libpq(url: SecretStr) -> str:
    """The URL for Postgres's own programs, in libpq's words and without what only we know."""
    target = target_of(url)
    query = {
        "host": ",".join(name for name, _ in target.hosts),
        "port": ",".join(str(port) for _, port in target.hosts),
        **({"user": target.user} if target.user else {}),
        **({"password": target.password} if target.password else {}),
        **{name: value for name, value in target.parameters.items() if name != "pgbouncer"},
    }
    return f"postgresql:///{quote(target.database, safe='')}?{urlencode(query, quote_via=quote)}"
