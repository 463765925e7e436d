"""The import of a model: the first conversion that says what the original says becomes a folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modelserver.errors import RefusedError
from modelserver.folder import filling, version_folder
from modelserver.importing.baseline import baseline_of
from modelserver.importing.comparison import Comparison, compare
from modelserver.importing.golden import golden_lines
from modelserver.importing.graph import Graph, options_of
from modelserver.importing.original import Converted, Numbers, Original
from modelserver.importing.sample import Row
from modelserver.inputs import DeclaredInput
from modelserver.manifest import Manifest, toml_of

UNKNOWN = "a word of no list"
"""A category that no model knows, to see what it does about such."""


@dataclass(frozen=True, slots=True)
class About:
    """What only a person knows about a model."""

    unit: str = ""
    description: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """What was written, and what it was found to be."""

    folder: Path
    manifest: Manifest
    comparison: Comparison
    how: str


def import_model(original: Original, folder: Path, about: About | None = None) -> Imported:
    """Converts, compares, writes.

    Raises RefusedError when no conversion says what the original says, and for a folder of another kind of version.
    """
    about, folder, sample = about or About(), version_folder(folder), original.sample
    expected = original.says(sample.frame)
    converted, comparison = faithful(original, expected)
    inputs = [with_other(original, converted, declared) for declared in sample.inputs]
    manifest = Manifest(
        task=original.task,
        inputs=() if is_plain_text(original, inputs) else inputs,
        labels=original.labels,
        unit=about.unit,
        dimension=expected.shape[1] if original.task == "embedding" else None,
        description=about.description,
        source=about.source,
        runtime=options_of(converted, inputs),
    )
    golden = golden_lines(sample.rows, expected, original.labels, original.task, text=not manifest.inputs)
    baseline = baseline_of(manifest.inputs, sample.rows, expected, original.labels, original.task)
    with filling(folder) as draft:
        (draft / "model.onnx").write_bytes(converted.content)
        for name, content in converted.files.items():
            (draft / name).write_bytes(content)
        (draft / "model.toml").write_text(toml_of(manifest), encoding="utf-8")
        (draft / "golden.jsonl").write_text("".join(f"{line}\n" for line in golden), encoding="utf-8")
        (draft / "baseline.json").write_text(json.dumps(baseline, ensure_ascii=False) + "\n", encoding="utf-8")
    return Imported(folder, manifest, comparison, converted.how)


def faithful(original: Original, expected: Numbers) -> tuple[Converted, Comparison]:
    """The first conversion that says the same. Raises RefusedError with what the best of them says otherwise."""
    refused: list[tuple[float, str]] = []
    for converted in original.conversions():
        try:
            found = said_by(converted, original, original.sample.rows)
            comparison = compare(expected, found, original.sample.rows, original.labels, original.task)
        except RefusedError as error:
            refused.append((float("inf"), f"{converted.how}: {error}"))
        except Exception as error:  # noqa: BLE001 - ONNX Runtime's own classes
            refused.append((float("inf"), f"{converted.how}: does not compute: {' '.join(str(error).split())[:300]}"))
        else:
            if not comparison.fault:
                return converted, comparison
            refused.append((comparison.largest, f"{converted.how}: gives {comparison.fault}"))
    if not refused:
        raise RefusedError("no way to convert it was found")
    raise RefusedError(f"the converted model differs from its original; {min(refused)[1]}")


def said_by(converted: Converted, original: Original, rows: Sequence[Row]) -> Numbers:
    """What the converted model says."""
    return (converted.says or Graph(converted, original.sample.inputs, original.task).says)(rows)


def with_other(original: Original, converted: Converted, declared: DeclaredInput) -> DeclaredInput:
    """The category that takes other words too, if both original and graph have the same to say about one."""
    if declared.type != "category":
        return declared
    frame = original.sample.frame.head(20).copy()
    frame[declared.name] = frame[declared.name].astype(object)
    frame[declared.name] = UNKNOWN
    rows = [{**row, declared.name: UNKNOWN} for row in original.sample.rows[:20]]
    try:
        found = said_by(converted, original, rows)
        same = not compare(original.says(frame), found, rows, original.labels, original.task).fault
    except Exception:  # noqa: BLE001 - a model that refuses an unknown word may raise anything
        return declared
    return replace(declared, options={**declared.options, "other": True}) if same else declared


def is_plain_text(original: Original, inputs: Sequence[DeclaredInput]) -> bool:
    """Whether it is a classifier of one text, which needs no declared inputs."""
    return original.task == "classification" and len(inputs) == 1 and inputs[0].type == "text"
