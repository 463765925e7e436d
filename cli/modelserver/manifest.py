"""The text of a `model.toml`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tomlkit

from modelserver.inputs import DeclaredInput

TASKS = ("classification", "multilabel", "regression", "embedding", "generic")

WITH_LABELS = frozenset({"classification", "multilabel"})


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says. Empty: left out. `inputs` empty: a model of one text."""

    task: str
    inputs: Sequence[DeclaredInput] = ()
    labels: Sequence[str] = ()
    unit: str = ""
    dimension: int | None = None
    description: str = ""
    source: str = ""
    runtime: Mapping[str, Any] = field(default_factory=lambda: {"kind": "onnx"})
    batching: Mapping[str, Any] = field(default_factory=dict)


def toml_of(manifest: Manifest, comments: Mapping[str, str] | None = None) -> str:
    """The file's text. `comments`: key → what stands behind it."""
    document = tomlkit.document()
    for key, value in {
        "description": manifest.description,
        "source": manifest.source,
        "task_type": manifest.task,
        "labels": list(manifest.labels),
        "unit": manifest.unit,
        "dimension": manifest.dimension,
    }.items():
        if value or key in (comments or {}):
            document.append(key, commented(value, (comments or {}).get(key)))
    if manifest.inputs:
        inputs = tomlkit.aot()
        for declared in manifest.inputs:
            inputs.append(tomlkit.item(declared.table))
        document.append("inputs", inputs)
    document.append("runtime", tomlkit.item(dict(manifest.runtime)))
    if manifest.batching:
        document.append("batching", tomlkit.item(dict(manifest.batching)))
    return tomlkit.dumps(document)


def commented(value: Any, comment: str | None) -> Any:
    """A value, with a comment behind it if there is one."""
    item = tomlkit.item(value)
    if comment:
        item.comment(comment)
    return item
