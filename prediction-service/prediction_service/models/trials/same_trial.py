"""When a trial would be the same again: same contents, same bounds, same code and libraries, same kind of processor.

Then it would end as it did, at the price of one to three seconds of processor time for each model at each start. Not so
the trial of a Python model: what that does depends on more than its folder, so it is tried at each start.
"""

import json
import os
import platform
import sys
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from hmac import HMAC
from pathlib import Path

import prediction_service
import shared
from prediction_service.models.folders.manifest import Manifest

PROCESSOR_LINES = ("model name", "flags", "Features", "CPU part")
"""Of /proc/cpuinfo: what decides which code the libraries choose."""


def trial_of(digest: str, seconds: float, memory_bytes: int, secret: bytes) -> str | None:
    """The name of the trial of these contents within these bounds, here and with this code: `sha256:…`.

    Only who knows the `secret` can make one: who can write where names are kept cannot vouch for a model. None where
    it cannot be found out what the trial depends on. The first call reads the code, some hundred small files.
    """
    try:
        told = json.dumps([digest, seconds, memory_bytes, circumstances()])
    except OSError:
        return None
    return f"sha256:{HMAC(secret, told.encode(), sha256).hexdigest()}"


def says_the_same_again(manifest: Manifest) -> bool:
    """Whether the trial of a folder with this manifest depends on nothing but what `trial_of` looks at."""
    return manifest.runtime.kind != "python"


@cache
def circumstances() -> str:
    """A digest of code, libraries, interpreter, C library and processor. Raises OSError for what cannot be read."""
    machine = [sys.version, platform.machine(), *platform.libc_ver(), *processor()]
    found = sha256(json.dumps([machine, sorted(libraries())]).encode())
    for package in (prediction_service, shared):
        for file in sorted(Path(str(package.__file__)).parent.rglob("*.py")):
            found.update(os.fsencode(file.name) + b"\0")
            found.update(file.read_bytes())
    return found.hexdigest()


def libraries() -> Iterator[str]:
    """Names and versions of what is installed, as the names of folders say. Raises OSError for a closed folder."""
    for place in sys.path:
        if os.path.isdir(place):  # noqa: PTH112 - Path.is_dir raises for what may not be looked at
            names = (entry.name for entry in Path(place).iterdir())
            yield from (repr(os.fsencode(name)) for name in names if name.endswith((".dist-info", ".egg-info")))


def processor() -> list[str]:
    """What Linux says of the first processor; elsewhere nothing is known but its family."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").split("\n\n")[0].splitlines()
    except OSError:
        return []
    return [line for line in lines if line.startswith(PROCESSOR_LINES)]
