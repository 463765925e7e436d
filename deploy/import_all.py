"""Imports every module of packages, which finds what is missing and leaves their bytecode for those that import later.

`python import_all.py prediction-service`: in an image, a dependency that the service does not declare fails the build.
What only tests use is left out: the image does not hold what that needs.
"""

import importlib
import pkgutil
import sys
from collections.abc import Iterator


def modules_of(name: str) -> Iterator[str]:
    """The name of a module, and of all within it, without those for tests."""
    yield name
    for module in pkgutil.iter_modules(getattr(importlib.import_module(name), "__path__", ()), f"{name}."):
        if not module.name.endswith(".testing"):
            yield from modules_of(module.name) if module.ispkg else [module.name]


if __name__ == "__main__":
    for package in sys.argv[1:]:
        for name in modules_of(package.replace("-", "_")):
            importlib.import_module(name)
