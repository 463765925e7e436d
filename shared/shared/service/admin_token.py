"""`ADMIN_TOKEN`, and keys with rights: whoever changes something for others, or reads what is not public, shows one.

The token itself comes as `Authorization: Bearer …`. Of keys the gateway tells who holds one (`http/key_holder`).
"""

import hashlib
import secrets
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from shared.contracts.rights import Right, may
from shared.http.key_holder import KeyHolder, holder_of
from shared.http.problems import Problem

bearer = HTTPBearer(
    scheme_name="AdminToken", description="The value of ADMIN_TOKEN, or a key with the right", auto_error=False
)


FOR_ALL_MODELS = " for all models"


class AdminTokenRequired(Problem):
    """No admin token came with the request, or not the right one.

    What it says is the same whatever came, and in which header: it tells nobody whether a guess was right.
    """

    status = 401
    title = "Unauthorized"

    def __init__(self) -> None:
        super().__init__(
            "This needs the admin token, as Authorization: Bearer <ADMIN_TOKEN> and in no other header, "
            "or a key (msk_…) with the right.",
            headers={"WWW-Authenticate": 'Bearer realm="admin"'},
        )


class RightMissing(Problem):
    """The key is a good one, and not for this."""

    status = 403
    type = "urn:problem-type:right-missing"
    title = "Right Missing"

    def __init__(self, *needed: Right, about: str = "", hint: str = "", **extensions: Any) -> None:
        names = " or ".join(needed) or Right.ADMIN
        detail = f"This key has not the right that this needs{about}: {names}.{hint}"
        super().__init__(detail, needed=list(needed or [Right.ADMIN]), **extensions)


def admin_token(expected: SecretStr, *enough: Right) -> Callable[..., Coroutine[Any, Any, None]]:
    """A dependency: only for the admin token, and for keys with the right `admin` or one of those that are `enough`.

    The right must be for all models: see `key_models` for what is about one. It raises AdminTokenRequired,
    RightMissing, HolderNotBelieved.
    """

    async def require_admin_token(
        request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
    ) -> None:
        require(holder_of(request.scope, expected.get_secret_value()), given, expected, *enough)

    return require_admin_token


def require(
    holder: KeyHolder | None, given: HTTPAuthorizationCredentials | None, expected: SecretStr, *enough: Right
) -> None:
    """Raises RightMissing for the holder of another key, AdminTokenRequired for who has neither key nor token."""
    if holder is not None:
        if not may(holder.rights, *enough):
            raise RightMissing(*enough)
        if holder.models_for(*enough) is not None:
            raise RightMissing(*enough, about=FOR_ALL_MODELS)
    elif given is None or not matches(given.credentials, expected):
        raise AdminTokenRequired


def matches(given: str, expected: SecretStr) -> bool:
    """Compares in a time that depends on neither token, nor on how long they are."""
    return secrets.compare_digest(digest(given), digest(expected.get_secret_value()))


def digest(token: str) -> bytes:
    """Always as long."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
