"""What is recorded of that which predictions are made from: of which models, and which inputs never."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter
from pydantic_settings import NoDecode

from prediction_service.signature.signature import Instance, Signature, stored_inputs
from shared.contracts.names import ModelName
from shared.settings.listed_names import parse_list

EVERY_MODEL = "*"
TEXT = "text"
"""What the input of a model of one text is called."""

SWITCH: TypeAdapter[bool] = TypeAdapter(bool)
NAME: TypeAdapter[str] = TypeAdapter(ModelName)


def parse_models(value: Any) -> Any:
    """True or false in the words of every setting, or the names of models. Raises ValueError."""
    if not isinstance(value, str):
        return value
    words = parse_list(value)
    if len(words) < 2:
        try:
            return SWITCH.validate_python(value)
        except ValueError:
            pass
    if not words:
        raise ValueError("is true, false or names of models with commas between")
    return frozenset(map(model_name, words))


def model_name(word: str) -> str:
    """The name. Raises ValueError for what no model can be called."""
    try:
        return NAME.validate_python(word)
    except ValueError:
        raise ValueError(f"{word!r} is no name of a model; it is true, false or names with commas between") from None


def parse_inputs(value: Any) -> Any:
    """Pairs of a model, or EVERY_MODEL, and an input. Raises ValueError."""
    if not isinstance(value, str):
        return value
    pairs = [word.partition("/") for word in parse_list(value)]
    for model, slash, name in pairs:
        if not slash or not name:
            raise ValueError(f"{model + slash + name!r} is not of the form model/input or */input")
        if model != EVERY_MODEL:
            model_name(model)
    return tuple((model, name) for model, _, name in pairs)


Models = bool | frozenset[str]
"""All, none or these."""
Inputs = tuple[tuple[str, str], ...]
"""Each of a model, or of EVERY_MODEL."""

StoredOf = Annotated[Models, NoDecode, BeforeValidator(parse_models)]
NeverStored = Annotated[Inputs, NoDecode, BeforeValidator(parse_inputs)]


def models_of(setting: Models | Inputs) -> frozenset[str]:
    """The models that a setting names."""
    if isinstance(setting, bool):
        return frozenset()
    names = {entry if isinstance(entry, str) else entry[0] for entry in setting}
    return frozenset(names - {EVERY_MODEL})


@dataclass(frozen=True, slots=True)
class Stored:
    """Which texts and inputs are recorded; `never` wins."""

    texts: Models
    """Of models of one text."""
    inputs: Models
    """Of models with declared inputs; of those of one text as well."""
    never: Inputs = ()

    def text_of(self, model: str, instance: Instance) -> str | None:
        """The text that is recorded."""
        if not isinstance(instance, str) or not (chosen(self.texts, model) or chosen(self.inputs, model)):
            return None
        return None if TEXT in self._never_of(model) or self._is_mistyped(model, (TEXT,)) else instance

    def inputs_of(self, model: str, signature: Signature, instance: Instance) -> dict[str, Any] | None:
        """The inputs that are recorded, by name.

        None at all where an input that is never to be recorded is not one of the model's: its name is mistyped, or the
        version calls it otherwise, and the value may be among the rest.
        """
        if not chosen(self.inputs, model):
            return None
        kept = stored_inputs(signature, instance)
        if kept is None or not self.never:
            return kept
        if self._is_mistyped(model, kept):
            return None
        return without(kept, self._never_of(model))

    def _is_mistyped(self, model: str, names: Container[str]) -> bool:
        """Whether this model is told never to record an input that it does not have."""
        return any(name not in names for whose, name in self.never if whose == model)

    def _never_of(self, model: str) -> frozenset[str]:
        return frozenset(name for whose, name in self.never if whose in (model, EVERY_MODEL))


def without(kept: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """What is left of inputs."""
    return {name: value for name, value in kept.items() if name not in names}


def chosen(setting: Models, model: str) -> bool:
    """Whether a model is one of those that a setting means."""
    return setting if isinstance(setting, bool) else model in setting
