"""`Idempotency-Key`, as draft-ietf-httpapi-idempotency-key-header has it, and as most clients send it: without quotes.

A key is a caller's own: nobody learns by a guess what somebody else was answered.
"""

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from starlette.types import Scope

from shared.contracts.problem import FieldError
from shared.http.caller import current_caller
from shared.http.problems import InvalidRequest
from shared.http.request_id import header

HEADER = b"idempotency-key"

MAX_CHARACTERS = 255
"""A UUID has 36; some put a name before it."""

QUOTED = re.compile(rb'"((?:[ !#-\[\]-~]|\\["\\])*)"')
"""A String of RFC 9651: printable ASCII, quotes and backslashes behind a backslash."""

BARE = re.compile(rb"[!#-+\-.-:<-\[\]-~]+")
"""Visible ASCII without quotes, backslashes, commas and semicolons, which separate values in headers."""

ESCAPED = re.compile(rb"\\(.)")

HASH_BYTES = 32

OPENAPI_PARAMETER: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes it safe to send the request again: within a day the same key gets the same response, and "
    "what was predicted is on record once. A new UUID for each request, in quotes or without, such as "
    '`"8e03978e-40d5-43e8-bc93-6894a57f9324"`. Another body under the same key is a 422. Not for streams',
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS},
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked under a key: two hashes, of caller and key, and of operation and body."""

    key: bytes
    fingerprint: bytes


def has_key(scope: Scope) -> bool:
    """Whether a request has the header, whatever is in it."""
    return header(scope, HEADER) is not None


def question_of(scope: Scope, body: bytes) -> Question:
    """What is asked. Raises InvalidRequest for a key that is none."""
    values = [value for name, value in scope["headers"] if name == HEADER]
    if len(values) != 1:
        raise bad_key("stands there twice")
    caller = (current_caller.get() or "").encode("latin-1")
    return Question(hash_of(caller, parse_key(values[0])), hash_of(scope["path"].encode(), body))


def parse_key(value: bytes) -> bytes:
    """The key in a header. Raises InvalidRequest."""
    quoted = QUOTED.fullmatch(value)
    key = ESCAPED.sub(rb"\1", quoted[1]) if quoted else value
    if not 1 <= len(key) <= MAX_CHARACTERS or not (quoted or BARE.fullmatch(key)):
        raise bad_key(
            f"must be 1 to {MAX_CHARACTERS} visible ASCII characters in quotes, best a UUID; without quotes none of "
            'them may be a space or one of ",;\\'
        )
    return key


def bad_key(message: str) -> InvalidRequest:
    """The 422 for a header that is no key."""
    return InvalidRequest([FieldError(location="header.idempotency-key", message=message)])


def hash_of(name: bytes, content: bytes) -> bytes:
    """Of a pair; another pair has another one."""
    return blake2b(len(name).to_bytes(4) + name + content, digest_size=HASH_BYTES).digest()
