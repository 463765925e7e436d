"""The models that a key's rights are for: each right may have some; one that has none is for all models."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from shared.contracts.names import ModelName
from shared.contracts.problem import FieldError
from shared.contracts.rights import Right
from shared.http.problems import InvalidRequest

MOST_MODELS = 64
"""Of a key, over all its rights: services are told of them with each of its requests, in a header of 6.5 kB at most."""


def check_models(models: dict[Right, list[str]]) -> dict[Right, list[str]]:
    """The models of each right, in the order of their names. ValueError for one that comes twice, and too many."""
    if any(len(set(names)) != len(names) for names in models.values()):
        raise ValueError("names a model twice")
    if sum(map(len, models.values())) > MOST_MODELS:
        raise ValueError(f"names more than {MOST_MODELS} models, over all rights together")
    return {right: sorted(names) for right, names in sorted(models.items())}


GivenModels = Annotated[
    Annotated[
        dict[Right, Annotated[list[ModelName], Field(min_length=1, max_length=MOST_MODELS)]],
        AfterValidator(check_models),
    ]
    | None,
    Field(
        description="The models that a right is for, where it is not for all; null: all rights are for all models",
        examples=[{"predict": ["sentiment"]}],
    ),
]


def require_held(models: Mapping[Right, Iterable[str]] | None, rights: Iterable[Right]) -> None:
    """Raises InvalidRequest for models of a right that the key has not."""
    missing = sorted(set(models or ()) - set(rights))
    if missing:
        message = f"names models of a right that the key has not: {', '.join(missing)}"
        raise InvalidRequest([FieldError(location="body.models", message=message)])


def as_stored(rights: Iterable[Right], models: Mapping[Right, Sequence[str]] | None) -> dict[str, Any]:
    """Rights for all models, and the others with theirs, apart: who knows of no models must not grant these for all."""
    apart = {right.value: names for right, names in (models or {}).items()}
    return {"rights": [right for right in rights if right not in apart], "models": apart or None}
