"""Who has shown a key, as the gateway tells the services: the key's id and its rights, never the key.

The gateway takes this header from nobody. It is sealed with the admin token, which only the gateway and the services
have: so that whoever can reach a service past the gateway, from the same machine for example, cannot say such a thing.
"""

import hashlib
import hmac
import re
from functools import lru_cache
from typing import NamedTuple

from starlette.types import Scope

from shared.contracts.rights import Rights, known_rights
from shared.http.problems import Problem
from shared.http.request_id import header

HOLDER_HEADER = b"x-key-holder"

PURPOSE = b"x-key-holder\0"
"""What the seal is for: the same secret could be asked to seal other things."""

FORM = re.compile(r"([0-9a-f-]{36}) ([a-z,]{0,100}) ([0-9a-f]{64})")

KEPT_HOLDERS = 4096
"""Headers whose seals were checked: a caller comes again."""


class KeyHolder(NamedTuple):
    """Who has shown a key."""

    key_id: str
    rights: Rights


class HolderNotBelieved(Problem):
    """The seal is not ours: somebody has made this up, or gateway and service have different admin tokens."""

    status = 503
    type = "urn:problem-type:key-holder-not-believed"
    title = "Key Holder Not Believed"

    def __init__(self) -> None:
        super().__init__(
            "What the gateway says of the key cannot be verified: it and this service need the same ADMIN_TOKEN.",
            headers={"Retry-After": "2"},
        )


def sealed(holder: KeyHolder, secret: str) -> bytes:
    """The header's value."""
    said = f"{holder.key_id} {','.join(sorted(holder.rights))}"
    return f"{said} {seal_of(said, secret)}".encode()


def holder_of(scope: Scope, secret: str) -> KeyHolder | None:
    """Who has shown a key; None: nobody has. Raises HolderNotBelieved."""
    value = header(scope, HOLDER_HEADER)
    return None if value is None else opened(value, secret)


@lru_cache(maxsize=KEPT_HOLDERS)
def opened(value: bytes, secret: str) -> KeyHolder:
    """What is under a seal. Raises HolderNotBelieved."""
    match = FORM.fullmatch(value.decode("latin-1"))
    if match is None or not hmac.compare_digest(seal_of(f"{match[1]} {match[2]}", secret), match[3]):
        raise HolderNotBelieved
    return KeyHolder(match[1], known_rights(match[2].split(",")))


def seal_of(said: str, secret: str) -> str:
    """HMAC-SHA256, in hexadecimal digits."""
    return hmac.new(secret.encode(), PURPOSE + said.encode(), hashlib.sha256).hexdigest()
