"""What may stand behind the `?` of DATABASE_URL: libpq's parameters, each honoured or refused by its name.

What libpq has and the driver has not is refused at start and not ignored: whoever writes `channel_binding=require` must
not believe in it while nobody does it.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from shared.settings.named_files import check_authorities, check_file, check_pair

TLS_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
TLS = (*TLS_FILES, "sslmode", "sslpassword", "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version")
"""What the driver reads itself."""

SYSTEM_CERTIFICATES = "system"
"""As `sslrootcert`: the authorities that the operating system trusts."""

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
TLS_BOUNDS = (("ssl_min_protocol_version", "TLSv1"), ("ssl_max_protocol_version", "TLSv1.3"))
DEFAULT_AUTHORITIES = Path("~/.postgresql/root.crt")
"""Where the driver, as libpq, looks for authorities that no parameter names."""

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
        if not (value.isascii() and value.isdigit() and len(value) < 10 and least <= int(value) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}")

    return check


def boolean(value: str) -> bool:
    """True or false in the words of Postgres."""
    if value.lower() not in BOOLEANS:
        raise ValueError("must be true or false")
    return BOOLEANS[value.lower()]


def passwords(value: str) -> None:
    """A file as psql has it."""
    check_file(value)
    try:
        Path(value).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError("names a file that is no text in UTF-8") from error


def certificates(value: str) -> None:
    """A file with authorities, or `system`."""
    if value != SYSTEM_CERTIFICATES:
        check_authorities(value)


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
    "passfile": passwords,
    "sslmode": one_of(*SSL_MODES),
    "sslrootcert": certificates,
    "sslcert": check_file,
    "sslkey": check_file,
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


def has_authorities(given: Mapping[str, str]) -> bool:
    """Whether the driver finds any, in a parameter or, as libpq, where those who set none may have them."""
    elsewhere = "PGSSLROOTCERT" in os.environ or DEFAULT_AUTHORITIES.expanduser().exists()
    return "sslrootcert" in given or elsewhere


def check_together(given: Mapping[str, str]) -> None:
    """Raises ValueError for parameters that are each good and do not go together. The words name them."""
    mode = given.get("sslmode", "verify-full" if given.get("sslrootcert") == SYSTEM_CERTIFICATES else "prefer")
    if given.get("sslrootcert") == SYSTEM_CERTIFICATES and mode != "verify-full":
        raise ValueError("sslrootcert system needs sslmode=verify-full, as in libpq")
    if given.get("sslnegotiation") == "direct" and mode not in SSL_MODES[3:]:
        raise ValueError("sslnegotiation direct needs sslmode=require, verify-ca or verify-full")
    if mode in SSL_MODES[4:] and not has_authorities(given):
        raise ValueError(f"sslmode {mode} needs sslrootcert=, a file with the authorities, or system")
    if "sslcert" in given or "sslkey" in given:
        if not ("sslcert" in given and "sslkey" in given):
            missing = "sslkey" if "sslcert" in given else "sslcert"
            raise ValueError(f"{'sslcert' if missing == 'sslkey' else 'sslkey'} needs {missing} beside it")
        try:
            check_pair(given["sslcert"], given["sslkey"], given.get("sslpassword", ""))
        except ValueError as error:
            raise ValueError(f"sslcert and sslkey (and sslpassword) {error}") from error
    least, most = (TLS_VERSIONS.index(given.get(name, default)) for name, default in TLS_BOUNDS)
    if least > most:
        raise ValueError("ssl_min_protocol_version must not be above ssl_max_protocol_version")
