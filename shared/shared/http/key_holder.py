"""Who has shown a key, as the gateway tells the services: its id, its rights and their models, never the key.

The gateway takes this header from nobody. It is sealed with the admin token, which only the gateway and the services
have: so that whoever can reach a service past the gateway, from the same machine for example, cannot say such a thing.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from starlette.types import Scope

from shared.contracts.rights import ALL_MODELS, Right, RightModels, Rights, known_models, known_rights, models_for
from shared.http.problems import Problem
from shared.http.request_id import header

HOLDER_HEADER = b"x-key-holder"

PURPOSE = b"x-key-holder\0"
"""What the seal is for: the same secret could be asked to seal other things."""

FORM = re.compile(
    r"(?P<said>(?P<key_id>[0-9a-f-]{36}) (?P<rights>[a-z,]{0,100})(?: (?P<models>[A-Za-z0-9._=,;-]{1,10000}))?)"
    r" (?P<seal>[0-9a-f]{64})"
)
"""The rights that are for all models, then the others with theirs: `feedback,read predict=sentiment,topics`. A service
of a release that knows no models finds it in no form of its own, and believes nothing."""

SPACES = 2
"""In the header of a key whose rights are all for all models."""

KEPT_HOLDERS = 4096
"""Headers whose seals were checked: a caller comes again."""


class KeyHolder(NamedTuple):
    """Who has shown a key."""

    key_id: str
    rights: Rights
    models: RightModels = ALL_MODELS

    def models_for(self, *enough: Right) -> frozenset[str] | None:
        """The models for which it has one of these rights, or `admin`; None: all. Empty: it has none of them."""
        return models_for(self.rights, self.models, *enough)


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
    said = f"{holder.key_id} {','.join(sorted(holder.rights.difference(holder.models)))}"
    if holder.models:
        said += " " + ";".join(f"{right}={','.join(sorted(names))}" for right, names in sorted(holder.models.items()))
    return f"{said} {seal_of(said, secret)}".encode()


def holder_of(scope: Scope, secret: str) -> KeyHolder | None:
    """Who has shown a key; None: nobody has. Raises HolderNotBelieved."""
    value = header(scope, HOLDER_HEADER)
    return None if value is None else opened(value, secret)


def has_models(scope: Scope) -> bool:
    """Whether the key is for some models only; costs next to nothing where it is not."""
    value = header(scope, HOLDER_HEADER)
    return value is not None and value.count(b" ") > SPACES


@lru_cache(maxsize=KEPT_HOLDERS)
def opened(value: bytes, secret: str) -> KeyHolder:
    """What is under a seal. Raises HolderNotBelieved."""
    match = FORM.fullmatch(value.decode("latin-1"))
    if match is None or not hmac.compare_digest(seal_of(match["said"], secret), match["seal"]):
        raise HolderNotBelieved
    models = known_models(dict(models_in(match["models"] or "")))
    return KeyHolder(match["key_id"], known_rights(match["rights"].split(",")).union(models), models)


def models_in(said: str) -> Iterator[tuple[str, list[str]]]:
    """Rights by name, with their models."""
    for part in filter(None, said.split(";")):
        right, _, names = part.partition("=")
        yield right, names.split(",")


def seal_of(said: str, secret: str) -> str:
    """HMAC-SHA256, in hexadecimal digits."""
    return hmac.new(secret.encode(), PURPOSE + said.encode(), hashlib.sha256).hexdigest()
