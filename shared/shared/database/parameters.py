"""What may stand behind the `?` of DATABASE_URL: libpq's parameters, each honoured or refused by its name.

What libpq has and the driver has not is refused at start and not ignored: whoever writes `channel_binding=require` must
not believe in it while nobody does it.
"""

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path

TLS_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
TLS = (*TLS_FILES, "sslmode", "sslpassword", "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version")
"""What the driver reads itself."""

SYSTEM_CERTIFICATES = "system"
"""As `sslrootcert`: the authorities that the operating system trusts."""

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
BOOLEANS = {"true": True, "1": True, "on": True, "yes": True, "false": False, "0": False, "off": False, "no": False}

MAX_CONNECT_SECONDS = 30
MAX_KEEPALIVE_SECONDS = 32_767
"""What Linux takes."""

Check = Callable[[str], object]
"""Raises ValueError, with words that complete "sslmode …", for a value that cannot be honoured."""


def one_of(*values: str) -> Check:
    """A choice."""

    def check(value: str) -> None:
        if value not in values:
            raise ValueError(f"must be one of {', '.join(values)}")

    return check


def only(*values: str, because: str) -> Check:
    """A choice of which the driver leaves but these."""

    def check(value: str) -> None:
        if value not in values:
            raise ValueError(f"can only be {' or '.join(values)}: {because}")

    return check


def number(least: int, most: int) -> Check:
    """A whole number within bounds."""

    def check(value: str) -> None:
        if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}")

    return check


def boolean(value: str) -> bool:
    """True or false in the words of Postgres."""
    if value.lower() not in BOOLEANS:
        raise ValueError("must be true or false")
    return BOOLEANS[value.lower()]


def readable_file(value: str) -> None:
    """A file that this process can read."""
    try:
        with Path(value).open("rb"):
            pass
    except OSError as error:
        raise ValueError(f"names a file that cannot be read: {error.strerror}") from error


def certificates(value: str) -> None:
    """A file with authorities, or `system`."""
    if value == SYSTEM_CERTIFICATES:
        return
    readable_file(value)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=value)
    except ssl.SSLError as error:
        raise ValueError("names a file without certificates in PEM") from error


def anything(_: str) -> None:
    """Any value."""


TEXTS_ARE_UTF8 = "texts are UTF-8 throughout"
THE_DRIVER = "the driver knows no other"
SERVICES_WRITE = "every service writes"

HONOURED: Mapping[str, Check] = {
    "host": anything,
    "port": anything,
    "dbname": anything,
    "user": anything,
    "password": anything,
    "passfile": readable_file,
    "sslmode": one_of(*SSL_MODES),
    "sslrootcert": certificates,
    "sslcert": readable_file,
    "sslkey": readable_file,
    "sslcrl": certificates,
    "sslpassword": anything,
    "sslnegotiation": one_of("postgres", "direct"),
    "ssl_min_protocol_version": one_of(*TLS_VERSIONS),
    "ssl_max_protocol_version": one_of(*TLS_VERSIONS),
    "connect_timeout": number(1, MAX_CONNECT_SECONDS),
    "target_session_attrs": only("read-write", "primary", "any", because=SERVICES_WRITE),
    "load_balance_hosts": one_of("disable", "random"),
    "application_name": anything,
    "fallback_application_name": anything,
    "options": anything,
    "keepalives": one_of("0", "1"),
    "keepalives_idle": number(1, MAX_KEEPALIVE_SECONDS),
    "keepalives_interval": number(1, MAX_KEEPALIVE_SECONDS),
    "keepalives_count": number(1, 127),
    "tcp_user_timeout": number(0, 3_600_000),
    "client_encoding": only("UTF8", "utf8", "UTF-8", "utf-8", "auto", because=TEXTS_ARE_UTF8),
    # What the driver does in any case, and nothing else:
    "channel_binding": only("disable", "prefer", because="the driver cannot bind; use sslmode=verify-full instead"),
    "gssencmode": only("disable", "prefer", because="the driver encrypts by TLS alone"),
    "sslcertmode": only("allow", because=THE_DRIVER),
    "sslcompression": only("0", because="the driver compresses nothing"),
    "sslsni": only("1", because="the driver always names the server"),
    "min_protocol_version": only("3.0", because=THE_DRIVER),
    "max_protocol_version": only("3.0", because=THE_DRIVER),
    "replication": only("false", "off", "no", "0", because="no service replicates"),
    # Not libpq's:
    "pgbouncer": boolean,
}
"""Every parameter that is honoured, with the check of its value."""

WRITE_IT_OUT = "write what it stands for into the URL"
NOT_IN_THE_DRIVER = "the driver cannot do it"

REFUSED: Mapping[str, str] = {
    "hostaddr": "name the address as the host",
    "service": WRITE_IT_OUT,
    "servicefile": WRITE_IT_OUT,
    "requiressl": "say sslmode=require",
    **dict.fromkeys(
        (
            "require_auth", "requirepeer", "sslcrldir", "sslkeylogfile", "krbsrvname", "gsslib", "gssdelegation",
            "scram_client_key", "scram_server_key", "oauth_issuer", "oauth_client_id", "oauth_client_secret",
            "oauth_scope",
        ),
        NOT_IN_THE_DRIVER,
    ),
    **dict.fromkeys(
        ("statement_cache_size", "prepared_statement_cache_size"), "say pgbouncer=true for a pooler between"
    ),
}  # fmt: skip
"""Parameters that are known and cannot be honoured, and what to do instead."""


def check_parameter(name: str, value: str) -> None:
    """Raises ValueError, with the parameter's name and without its value, for what cannot be honoured."""
    if name in REFUSED:
        raise ValueError(f"{name} is not possible: {REFUSED[name]}")
    if name not in HONOURED:
        printable = name if name.isidentifier() else "a name that is none"
        raise ValueError(
            f"{printable} is not a parameter of libpq; a setting of the server goes into options=-c name=value"
        )
    try:
        HONOURED[name](value)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from error
