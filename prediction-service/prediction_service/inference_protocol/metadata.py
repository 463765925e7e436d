"""Inputs and outputs of a model as the protocol describes them, and as Triton's configuration does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prediction_service.inference_protocol.columns import datatype_of
from prediction_service.inference_protocol.outputs import Output, outputs_of
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.model import Model
from prediction_service.request.texts import MAX_TEXTS
from prediction_service.signature.inputs import Input, TensorInput
from prediction_service.signature.signature import TEXT

ANY = -1
"""In a shape: any size."""

TRITON_TYPES = {"BYTES": "TYPE_STRING"}
"""Datatypes whose names in Triton's configuration do not follow from theirs."""


@dataclass(frozen=True, slots=True)
class Described:
    """A tensor. `shape`: of one row; None where only the values tell."""

    name: str
    datatype: str
    shape: Sequence[int] | None = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    optional: bool = False

    def as_metadata(self) -> dict[str, Any]:
        """With the rows in front of the shape."""
        described: dict[str, Any] = {"name": self.name, "datatype": self.datatype, "shape": [ANY, *(self.shape or ())]}
        return described | ({"parameters": dict(self.parameters)} if self.parameters else {})

    def as_configuration(self) -> dict[str, Any]:
        """Without the rows, which `max_batch_size` promises; Triton has no shape without sizes."""
        data_type = TRITON_TYPES.get(self.datatype, f"TYPE_{self.datatype}")
        sizes = [ANY] if self.shape is None else [*self.shape] or [1]
        return {"name": self.name, "data_type": data_type, "dims": sizes}


def inputs_of(manifest: Manifest) -> list[Described]:
    """What a model takes."""
    if manifest.signature.is_plain_text:
        return [Described(TEXT, "BYTES")]
    return list(map(described_input, manifest.inputs))


def described_input(declared: Input) -> Described:
    """An input that is declared; what tensors cannot say of it, its parameters do."""
    shape = declared.shape if isinstance(declared, TensorInput) else ()
    optional = declared.may_be_missing
    parameters = {"type": declared.type, "optional": optional}
    return Described(declared.name, datatype_of(declared), shape, parameters, optional)


def described_output(output: Output, manifest: Manifest) -> Described:
    """An output that is known before a request."""
    return Described(output.name, output.datatype, output.shape(manifest), output.parameters(manifest))


def metadata_of(model: Model, versions: list[str]) -> dict[str, Any]:
    """Inputs and outputs of a model; the size -1 means any number, in front of rows."""
    manifest = model.manifest
    return {
        "name": model.name,
        "versions": versions,
        "platform": platform_of(manifest),
        "inputs": [described.as_metadata() for described in inputs_of(manifest)],
        "outputs": [described_output(output, manifest).as_metadata() for output in outputs_of(manifest)],
    }


def configuration_of(model: Model) -> dict[str, Any]:
    """The same as Triton's clients ask for it; `parameters` say what Triton has no word for."""
    manifest = model.manifest
    told = {"task_type": manifest.task_type, "unit": manifest.unit, "description": manifest.description}
    return {
        "name": model.name,
        "platform": platform_of(manifest),
        "backend": manifest.runtime.kind,
        "version_policy": {"specific": {"versions": [model.version]}},
        "max_batch_size": MAX_TEXTS,
        "input": [described.as_configuration() | {"optional": described.optional} for described in inputs_of(manifest)],
        "output": [described_output(output, manifest).as_configuration() for output in outputs_of(manifest)],
        "parameters": {name: {"string_value": value} for name, value in told.items() if value},
    }


def platform_of(manifest: Manifest) -> str:
    """What computes it."""
    return f"modelserver_{manifest.runtime.kind}"
