"""SQL from files: one statement each, in a package of its owner, loaded by name when the owner is imported."""

import re
from collections.abc import Mapping
from importlib import resources

PLACE = re.compile(r"\{\{(\w+)\}\}")


def load_sql(package: str, name: str, constants: Mapping[str, int | str] | None = None) -> str:
    """The statement of `<name>.sql` in a package, without the lines that are comments.

    `{{word}}` in it stands for the constant of that name, or else for the text of `<word>.sql`: what several statements
    have in common is written once. Raises FileNotFoundError for a name without a file.
    """
    given = constants or {}
    source = (resources.files(package) / f"{name}.sql").read_text("utf-8")
    lines = (line.rstrip() for line in source.splitlines() if not line.lstrip().startswith("--"))

    def filled(place: re.Match[str]) -> str:
        word = place[1]
        return str(given[word]) if word in given else load_sql(package, word, given)

    return PLACE.sub(filled, "\n".join(lines).strip())
