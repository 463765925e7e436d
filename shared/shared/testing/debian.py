"""Programs that no Python package brings, from Debian's packages.

Where they are missing, tests that need them are skipped, unless DEBIAN_SERVERS=required says that they must be there.
"""

import os
import shutil

import pytest


def debian_program(name: str, package: str) -> str:
    """The path of a program."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if found is None:
        missing = f"{name} is not installed: apt-get install {package}"
        if os.environ.get("DEBIAN_SERVERS") == "required":
            pytest.fail(missing)
        pytest.skip(missing)
    return found
