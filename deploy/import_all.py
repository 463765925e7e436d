"""Imports every module of a service: a dependency that it does not declare fails the build of its image.

`python import_all.py prediction-service`. What only tests use is left out: the image does not hold what that needs.
"""

import importlib
import pkgutil
import sys
from collections.abc import Iterator


def modules_of(package: str) -> Iterator[str]:
    """The names of a package's modules, its own first, without those for tests."""
    yield package
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
        if module.name.endswith(".testing"):
            continue
        yield from modules_of(module.name) if module.ispkg else [module.name]


if __name__ == "__main__":
    for name in modules_of(sys.argv[1].replace("-", "_")):
        importlib.import_module(name)
