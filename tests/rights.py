"""The operations of the public API, what each needs, and what becomes of keys whose rights are for some models."""

import re
from collections.abc import Iterator
from enum import StrEnum
from time import sleep
from typing import NamedTuple

import httpx

from gateway.request.access import MODEL_ADMIN, Access, of_own_path
from gateway.request.routing import find_route
from shared.contracts.rights import Right
from shared.testing.admin import ADMIN

METHODS = ("get", "post", "put", "patch", "delete")
UNKNOWN = "6f2c1a52-3c0e-4d2e-9a54-1f0d7b0c9a11"


class ByModel(StrEnum):
    """What an operation does for a key whose right is for some models."""

    NEVER = "no"
    """It is about all models, or about none: 403."""
    NAMED = "its own"
    """It is about one model, which a request names: 403 for another, and for all."""
    HIDDEN = "its own, else 404"
    """It is about what has an id: that of another model is not there."""
    LISTED = "shows its own"
    """It lists, and leaves out other models."""
    SERVER = "yes"
    """It says nothing of any model."""


HIDDEN = {
    "POST /feedback",
    "POST /feedback/batch",
    "DELETE /metrics/silences",
    "GET /predictions/{prediction_id}",
    "DELETE /predictions/{prediction_id}",
}
LISTED = {"GET /models", "GET /metrics/silences", "GET /v2/models/stats", "POST /v2/repository/index"}
SERVER = {"GET /limits", "GET /v2", "GET /v2/health/live", "GET /v2/health/ready"}


class Operation(NamedTuple):
    """One of the document's, and what the gateway says that it needs."""

    method: str
    path: str
    access: Access
    asked: str = ""
    """With which field in its body, where that needs something else."""

    @property
    def told(self) -> str:
        """As the table in docs/keys.md names it."""
        return f"`{self.method} {self.path}`{f' with `{self.asked}`' if self.asked else ''}"

    @property
    def target(self) -> str:
        """A path to ask for: nothing of that name is there, so that nothing can be done to it."""
        ids = re.sub(r"\{(?:prediction_id|key_id)\}", UNKNOWN, self.path)
        return re.sub(r"\{\w+\}", "nothing", ids)

    @property
    def by_model(self) -> ByModel:
        """What it does for a key whose right is for some models."""
        name = f"{self.method} {self.path}"
        if not self.access.by_model:
            return ByModel.NEVER
        by_name = dict.fromkeys(HIDDEN, ByModel.HIDDEN) | dict.fromkeys(LISTED, ByModel.LISTED)
        return (by_name | dict.fromkeys(SERVER, ByModel.SERVER)).get(name, ByModel.NAMED)


ON_ONE_KEY = Operation("POST", "/analyze/performance", MODEL_ADMIN, "key_id")
"""No right alone opens it but `admin`: it needs `analyze` and `read`, which the service judges by the body."""


def access_of(method: str, path: str) -> Access:
    route = find_route(re.sub(r"\{\w+\}", "x", path))
    return of_own_path(path) if route is None else route.access_of(method)


def operations(document: dict) -> Iterator[Operation]:
    for path, item in sorted(document["paths"].items()):
        for method in METHODS:
            if method in item:
                yield Operation(method.upper(), path, access_of(method.upper(), path))


OF_EACH_SERVICE = {"/predict", "/metrics/aggregated", "/analyze/performance"}


def document_of(client: httpx.Client) -> dict:
    """The whole document: a service that is busy may be missing in it for a moment."""
    while not (document := client.get("/openapi.json").json())["paths"].keys() >= OF_EACH_SERVICE:
        sleep(0.2)
    return dict(document)


def make(client: httpx.Client, name: str, rights: list[Right], **more: object) -> dict:
    response = client.post("/keys", json={"name": name, "rights": rights, **more}, headers=ADMIN)
    response.raise_for_status()
    made: dict = response.json()
    return made


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
