"""The `model.py` that a Python model begins with: it runs as it is, and says the same of every row."""

import json
from typing import Any

from modelserver.manifest import Manifest

TEMPLATE = '''\
"""What this model says about what. Everything that lies beside this file can be read and imported."""


class Model:
    """Made once in each worker process."""

    def __init__(self, folder):
        """`folder` is where this file lies: read weights and tables from it here, not in `predict`."""

    def predict(self, rows):
        """{returns} for each row, in their order.

        rows: a list of dicts such as {example}
        What a request left out is None.
        """
        return [{result} for row in rows]
'''

RETURNS = {
    "classification": "The probability of each label",
    "multilabel": "The probability of each label, on its own",
    "regression": "A number",
    "embedding": "A vector, as a list or an array",
    "generic": "A dict of outputs",
}
"""Task → what `predict` returns; docs/python-models.md has all forms."""


def model_py(manifest: Manifest, row: dict[str, Any]) -> str:
    """The file's text. `row`: an example of what it is given."""
    return TEMPLATE.format(returns=RETURNS[manifest.task], example=shown(row), result=result_of(manifest))


def result_of(manifest: Manifest) -> str:
    """A result that the service takes, as Python."""
    if manifest.labels:
        share = 1.0 if manifest.task == "multilabel" else round(1 / len(manifest.labels), 6)
        return json.dumps(dict.fromkeys(manifest.labels, share), ensure_ascii=False)
    return {
        "regression": "0.0",
        "embedding": f"[1.0] * {manifest.dimension}",
        "generic": '{"answer": 1.5}',
    }[manifest.task]


def shown(row: dict[str, Any]) -> str:
    """On one line of the docstring; tensors are too long for it."""
    short = {name: "…" if isinstance(value, list) else value for name, value in row.items()}
    return repr(short).replace("\\", "\\\\").replace('"""', "'''")[:200]
