"""`ADMIN_TOKEN`: whoever changes something for others, or reads what is not public, sends `Authorization: Bearer …`."""

import hashlib
import secrets
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from shared.http.problems import Problem

bearer = HTTPBearer(scheme_name="AdminToken", description="The value of ADMIN_TOKEN", auto_error=False)


class AdminTokenRequired(Problem):
    """No admin token came with the request, or not the right one."""

    status = 401
    title = "Unauthorized"

    def __init__(self) -> None:
        super().__init__(
            "This needs the admin token: Authorization: Bearer <ADMIN_TOKEN>.",
            headers={"WWW-Authenticate": 'Bearer realm="admin"'},
        )


def admin_token(expected: SecretStr) -> Callable[..., Coroutine[Any, Any, None]]:
    """A dependency that raises AdminTokenRequired unless `expected` came along."""

    async def require_admin_token(given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]) -> None:
        if given is None or not matches(given.credentials, expected):
            raise AdminTokenRequired

    return require_admin_token


def matches(given: str, expected: SecretStr) -> bool:
    """Compares in a time that depends on neither token, nor on how long they are."""
    return secrets.compare_digest(digest(given), digest(expected.get_secret_value()))


def digest(token: str) -> bytes:
    """Always as long."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
