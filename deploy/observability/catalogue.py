"""What is known of each metric besides what the services say: unit, labels, a query and its question."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

CATALOGUE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True)
class Entry:
    """One metric. `labels`: name → what its values are; `query`: PromQL that answers `question`."""

    unit: str
    question: str
    query: str
    labels: dict[str, str] = field(default_factory=dict)


Catalogue = dict[str, Entry]
"""By the name that a query has: counters end with `_total`, histograms have no ending."""


def read_catalogue(path: Path = CATALOGUE) -> Catalogue:
    """The entries of the file. Raises TypeError when one lacks a part or has one too many."""
    return {name: Entry(**entry) for name, entry in tomllib.loads(path.read_text()).items()}
