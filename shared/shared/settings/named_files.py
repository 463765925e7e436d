"""Files that a setting names, looked at before they are used: a pipe or a device would hold the start up for ever."""

import os
import ssl
import stat
from pathlib import Path

from shared.settings.opening import without_waiting

MOST_BYTES = 16 << 20
"""Of a file with certificates, a key or passwords; all authorities of the world are a fiftieth of that."""


def check_file(path: Path | str) -> None:
    """Raises ValueError, with words that complete "NAME …", unless it is a plain file that this process can read."""
    try:
        descriptor = without_waiting(str(path), os.O_RDONLY)
    except (OSError, ValueError) as error:
        raise ValueError(f"names a file that cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("names something that is no plain file")
    if status.st_size > MOST_BYTES:
        raise ValueError(f"names a file of {status.st_size:,} bytes, which cannot be meant")


def check_authorities(path: Path | str) -> None:
    """Raises ValueError unless certificates are in the file."""
    check_file(path)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError("names a file without certificates in PEM") from error


def check_pair(certificate: Path | str, key: Path | str, password: str) -> None:
    """Raises ValueError unless these are a certificate and its key; an encrypted key asks nobody for its password."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, lambda: password)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError("do not name a certificate and its key, in PEM") from error
