"""What the files say that Hugging Face's tools write beside a model."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST_BYTES = 64 * 1024 * 1024
"""Larger files are not looked into."""

POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
"""What sentence-transformers calls them, in 1_Pooling/config.json."""


def configurations(folder: Path, file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each `config.json`, in the model's folder and beside its file: where it is, and what it says."""
    for path in dict.fromkeys((folder / "config.json", file.parent / "config.json")):
        yield str(path.relative_to(folder)), read_object(path)


def token_labels(folder: Path, file: Path) -> list[str]:
    """The labels of `id2label`; empty where there are none."""
    found = (listed(configuration.get("id2label")) for _, configuration in configurations(folder, file))
    return next(filter(None, found), [])


def pooling_of(folder: Path) -> str | None:
    """How sentence-transformers pools this model's vectors; None where it does not say, or has another way."""
    said = read_object(folder / "1_Pooling" / "config.json")
    ways = [way for name, way in POOLINGS.items() if said.get(name) is True]
    return ways[0] if len(ways) == 1 else None


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty if there is none, or the file cannot be read."""
    try:
        content = json.loads(path.read_bytes()) if path.stat().st_size <= MOST_BYTES else None
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def listed(labels: object) -> list[str]:
    """Labels in the order of their numbers, from a list or from a dict of number → label; else empty."""
    if isinstance(labels, dict):
        try:
            numbered = {int(number): label for number, label in labels.items()}
        except (TypeError, ValueError, OverflowError):
            return []
        labels = [numbered[number] for number in sorted(numbered)] if set(numbered) == set(range(len(numbered))) else []
    return [str(label) for label in labels] if isinstance(labels, list) else []
