"""The models that a request may be about: all of them, unless its key has the right that is needed for some only.

A question that names no model is one about all. What a key may not ask about is refused in the same words whether there
is such a model or not; and what is found by its id is, for who may not see its model, not there.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import SecretStr
from starlette.types import Scope

from shared.contracts.rights import Right, may
from shared.http.key_holder import KeyHolder, has_models, holder_of
from shared.service.admin_token import FOR_ALL_MODELS, RightMissing, bearer, require

HINT = " It has it for some: name one of `models`."


@dataclass(frozen=True, slots=True)
class KeyModels:
    """Those for which a key has one of the rights that are `needed`. `names` None: all."""

    needed: tuple[Right, ...] = ()
    names: frozenset[str] | None = None

    def __contains__(self, model_name: str | None) -> bool:
        """Whether a request may be about it; None: about all."""
        return self.names is None or model_name in self.names

    def require(self, model_name: str | None) -> None:
        """Raises RightMissing for another model; and for none, which means all."""
        if model_name in self:
            return
        if model_name is None:
            raise RightMissing(*self.needed, about=FOR_ALL_MODELS, hint=HINT, models=sorted(self.names or ()))
        raise RightMissing(*self.needed, about=f" for the model {model_name!r}", model_name=model_name)


EVERY_MODEL = KeyModels()


def key_models(scope: Scope, token: SecretStr, *enough: Right) -> KeyModels:
    """Those of a request that needs no key. Raises RightMissing, HolderNotBelieved."""
    if not has_models(scope):
        return EVERY_MODEL
    holder = holder_of(scope, token.get_secret_value())
    return EVERY_MODEL if holder is None else models_of(holder, *enough)


def models_of(holder: KeyHolder, *enough: Right) -> KeyModels:
    """Those of a key. Raises RightMissing when it has none of the rights."""
    if not may(holder.rights, *enough):
        raise RightMissing(*enough)
    return KeyModels(enough, holder.models_for(*enough))


Dependency = Callable[..., Coroutine[Any, Any, KeyModels]]


def open_to_key_models(token: SecretStr, *enough: Right) -> Dependency:
    """A dependency: as `key_models`."""

    async def find_key_models(request: Request) -> KeyModels:
        return key_models(request.scope, token, *enough)

    return find_key_models


def guarded_key_models(token: SecretStr, *enough: Right) -> Dependency:
    """A dependency: only for the admin token, and for keys with the right `admin` or one of those that are `enough`.

    It raises AdminTokenRequired, RightMissing, HolderNotBelieved.
    """

    async def require_key_models(
        request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
    ) -> KeyModels:
        return guarded_models(request.scope, given, token, *enough)

    return require_key_models


def guarded_models(
    scope: Scope, given: HTTPAuthorizationCredentials | None, token: SecretStr, *enough: Right
) -> KeyModels:
    """Those of a request that needs a key or the admin token, for what only some bodies of an endpoint need.

    Raises AdminTokenRequired, RightMissing, HolderNotBelieved.
    """
    holder = holder_of(scope, token.get_secret_value())
    if holder is not None:
        return models_of(holder, *enough)
    require(None, given, token)
    return EVERY_MODEL


def admin_of_model(token: SecretStr) -> Callable[..., Coroutine[Any, Any, None]]:
    """A dependency: only for the admin token, and for keys with the right `admin` for the model `name` of the path.

    It raises AdminTokenRequired, RightMissing, HolderNotBelieved.
    """

    async def require_admin_of_model(
        request: Request, models: Annotated[KeyModels, Depends(guarded_key_models(token))]
    ) -> None:
        models.require(request.path_params["name"])

    return require_admin_of_model
