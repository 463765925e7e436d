"""A model's inputs as a whole: from what a request gives to the instance that the model is given."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from prediction_service.request.texts import check_text
from prediction_service.signature.inputs import Input, TensorInput, TextInput, shown

Instance = Any
"""What one prediction is made from: a str for a model of one text without `[[inputs]]`, else a tuple of values, one for
each input, in the manifest's order; None where a request left one out that has no default."""

TEXT = "text"
"""The only input of a model that declares none."""


class InputFaults(ValueError):
    """What is wrong with the inputs of one instance: name → what about it."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name} {message}" for name, message in faults.items()))
        self.faults = dict(faults)


class Signature:
    """What a model takes. Without declared inputs: one text."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self.inputs = tuple(inputs)
        self._by_name = {declared.name: declared for declared in self.inputs}

        self._text_tensors = [
            place
            for place, declared in enumerate(self.inputs)
            if isinstance(declared, TensorInput) and declared.datatype == "BYTES"
        ]

    @property
    def is_plain_text(self) -> bool:
        """Whether its instances are texts: the manifest declares no inputs."""
        return not self.inputs

    @property
    def names(self) -> list[str]:
        """What the inputs are called, in the manifest's order."""
        return [declared.name for declared in self.inputs] or [TEXT]

    def takes_text(self) -> bool:
        """Whether a text alone is an instance."""
        return self.is_plain_text or (len(self.inputs) == 1 and isinstance(self.inputs[0], TextInput))

    def characters_of(self, instances: Sequence[Instance]) -> int:
        """Characters of all texts of these, those in tensors among them."""
        in_tensors = sum(
            sum(map(len, instance[place].flat))
            for place in self._text_tensors
            for instance in instances
            if instance[place] is not None
        )
        return in_tensors + sum(map(length_of, instances))

    def instance_of_text(self, text: str) -> Instance:
        """The instance of a text that was found acceptable."""
        return text if self.is_plain_text else (text,)

    def read(self, given: Mapping[str, Any]) -> Instance:
        """The instance. Raises InputFaults for inputs that are wrong, missing or unknown."""
        if self.is_plain_text:
            return self._read_text(given)
        values, faults = list[Any](), dict[str, str]()
        for declared in self.inputs:
            value = given.get(declared.name)
            if value is None:
                if not declared.may_be_missing:
                    faults[declared.name] = "is missing"
                values.append(declared.when_missing)
                continue
            try:
                values.append(declared.read(value))
            except ValueError as error:
                faults[declared.name] = str(error)
        if len(given) > len(values) or not given.keys() <= self._by_name.keys():
            faults |= self._unknown(given)
        if faults:
            raise InputFaults(faults)
        return tuple(values)

    def _read_text(self, given: Mapping[str, Any]) -> str:
        faults = {name: message for name, message in self._unknown(given).items() if name != TEXT}
        text = given.get(TEXT)
        if text is None:
            faults[TEXT] = "is missing"
        elif not isinstance(text, str):
            faults[TEXT] = "must be a text"
        else:
            try:
                check_text(text)
            except ValueError as error:
                faults[TEXT] = str(error)
        if faults:
            raise InputFaults(faults)
        return str(text)

    def _unknown(self, given: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong with names that the model has no input for."""
        known = shown(self.names)
        unknown = [name for name in given if name not in self._by_name]
        return {str(name)[:200]: f"is no input of this model, which takes {known}" for name in unknown[:10]}


def length_of(instance: Instance) -> int:
    """Characters of all texts in it."""
    if isinstance(instance, str):
        return len(instance)
    characters = 0
    for value in instance:
        if isinstance(value, str):
            characters += len(value)
    return characters


def stored_inputs(signature: Signature, instance: Instance) -> dict[str, Any] | None:
    """An instance as it is kept: name → value in JSON; of a tensor its datatype and shape. None for a plain text."""
    if signature.is_plain_text:
        return None
    return {declared.name: as_json(declared, value) for declared, value in zip(signature.inputs, instance, strict=True)}


def as_json(declared: Input, value: Any) -> Any:
    """A value as JSON has it; of a tensor what it is, and not what is in it."""
    if value is None:
        return None
    if isinstance(declared, TensorInput):
        return {"datatype": declared.datatype, "shape": list(value.shape)}
    return value.isoformat() if isinstance(value, datetime) else value
