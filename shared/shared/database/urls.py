"""`DATABASE_URL` in the forms that people write and the forms that libraries want."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

SCHEMES = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})


def check_database_url(url: SecretStr) -> SecretStr:
    """Raises ValueError unless `url` is that of a Postgres database; the message never repeats the password."""
    try:
        parts = urlsplit(url.get_secret_value())
        named = bool(parts.hostname or "host=" in parts.query) and len(parts.path) > 1
        _ = parts.port
    except ValueError as error:
        raise ValueError("is not a URL") from error
    if parts.scheme not in SCHEMES:
        raise ValueError("must begin with postgresql:// or postgresql+asyncpg://")
    if not named:
        raise ValueError("must name a host and a database, as in postgresql://user:password@host:5432/database")
    return url


DatabaseUrl = Annotated[SecretStr, AfterValidator(check_database_url)]
"""A checked URL of a Postgres database, with its password; secret."""


def for_asyncpg(url: SecretStr) -> str:
    """The URL as asyncpg reads it."""
    return "postgresql://" + url.get_secret_value().split("://", 1)[1]
