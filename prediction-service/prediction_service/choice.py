"""Which model a request gets, if its key is for that model."""

from dataclasses import dataclass

from fastapi import Request
from pydantic import SecretStr

from prediction_service.models.catalogue import Catalogue
from prediction_service.models.model import Model
from shared.contracts.rights import Right
from shared.service.key_models import EVERY_MODEL, KeyModels, key_models


@dataclass(frozen=True, slots=True)
class Choice:
    """Chooses, and refuses."""

    catalogue: Catalogue
    token: SecretStr

    def of(self, request: Request, name: str | None, version: str | None = None, task: str | None = None) -> Model:
        """The model that a request asks for, in the version that its policy has for requests with these headers.

        With a key for some models, no name means the default model, whatever the task, if the key is for that one.

        Raises RightMissing; ModelNotFound, ModelNotReady, StableVersionMissing; InvalidRequest for a task that it does
        not do.
        """
        name = self.allowed(request, name)
        return self.catalogue.choose(name, version, task, lambda: request.headers)

    def allowed(self, request: Request, name: str | None) -> str | None:
        """The name that is to be looked for. Raises RightMissing, in the same words for a model that there is not."""
        models = self.models(request, Right.PREDICT)
        if models is EVERY_MODEL:
            return name
        if name is None and self.catalogue.default_name in models:
            return self.catalogue.default_name
        models.require(name)
        return name

    def models(self, request: Request, *enough: Right) -> KeyModels:
        """The models for which the request's key has one of these rights. Raises RightMissing when it has none."""
        return key_models(request.scope, self.token, *enough)

    def shown(self, request: Request) -> KeyModels:
        """The models that the request may know of: those for which its key has any right."""
        return self.models(request, *Right)
