"""`DATABASE_URL` as people write it, taken apart once for everything that connects: services, migrations, backups.

    postgresql://user:password@host:5432,other:5433/database?target_session_attrs=read-write&sslmode=verify-full

The forms are those of libpq, and `postgresql+asyncpg://` as SQLAlchemy writes it. `parameters` says which parameters
there are; `pgbouncer=true` says that a pooler stands between, which hands each transaction to another connection.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import Annotated
from urllib.parse import parse_qsl, quote, unquote, urlencode

from pydantic import AfterValidator, SecretStr

from shared.database.parameters import BOOLEANS, SSL_MODES, boolean, check_parameter

SCHEMES = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})
DEFAULT_PORT = 5432


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
    before, _, query = rest.partition("?")
    authority, _, path = before.partition("/")
    credentials, _, hosts = authority.rpartition("@")
    user, _, password = credentials.partition(":")
    given = parameters_of(query)
    database = given.pop("dbname", None) or unquote(path)
    places = places_of(hosts, given.pop("host", None), given.pop("port", None))
    if not places or not database:
        raise ValueError("must name a host and a database, as in postgresql://user:password@host:5432/database")
    return Target(
        hosts=places,
        database=database,
        user=given.pop("user", None) or unquote(user) or None,
        password=given.pop("password", None) or unquote(password) or None,
        parameters=given,
    )


def parameters_of(query: str) -> dict[str, str]:
    """Each parameter with its value, checked. Raises ValueError."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError as error:
        raise ValueError("has something behind the ? that is not of the form name=value&name=value") from error
    given = dict(in_libpqs_words(name, value) for name, value in pairs)
    for name, value in given.items():
        check_parameter(name, value)
    if "sslcert" in given and "sslkey" not in given:
        raise ValueError("sslcert needs sslkey beside it")
    if given.get("sslrootcert") == "system" and given.setdefault("sslmode", "verify-full") != "verify-full":
        raise ValueError("sslrootcert system needs sslmode=verify-full, as in libpq")
    if given.get("sslnegotiation") == "direct" and given.get("sslmode") not in SSL_MODES[3:]:
        raise ValueError("sslnegotiation direct needs sslmode=require, verify-ca or verify-full")
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
    """Hosts with their ports: those between `@` and `/`, or those of `host=` and `port=`. Raises ValueError."""
    if authority:
        pairs = [host_and_port(word) for word in authority.split(",")]
    else:
        pairs = [(name, None) for name in (names or "").split(",") if name]
    given = [port_of(word) for word in ports.split(",")] if ports else [None]
    if len(given) not in (1, len(pairs)):
        raise ValueError(f"names {len(pairs)} hosts and {len(given)} ports")
    defaults = repeat(given[0]) if len(given) == 1 else iter(given)
    return tuple(
        (name, port or default or DEFAULT_PORT) for (name, port), default in zip(pairs, defaults, strict=False)
    )


def host_and_port(word: str) -> tuple[str, int | None]:
    """`host`, `host:5432`, `[::1]:5432`. Raises ValueError."""
    if word.startswith("["):
        name, closed, port = word[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            raise ValueError("names an IPv6 address that is not of the form [::1]:5432")
        port = port[1:]
    else:
        name, _, port = word.partition(":")
    if not name:
        raise ValueError("must name a host and a database, as in postgresql://user:password@host:5432/database")
    return unquote(name), port_of(port) if port else None


def port_of(text: str) -> int:
    """A port. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
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
