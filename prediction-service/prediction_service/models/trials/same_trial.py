"""When a trial would be the same again: same contents, same bounds, same code and libraries, same kind of processor.

Then it would end as it did, at the price of one to three seconds of processor time for each model at each start. Not so
the trial of a Python model: what that does depends on more than its folder, so it is tried at each start.
"""

import json
import platform
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path

import prediction_service
import shared
from prediction_service.models.folders.manifest import Manifest

PROCESSOR_LINES = ("model name", "flags", "Features", "CPU part")
"""Of /proc/cpuinfo: what decides which code the libraries choose."""


def trial_of(digest: str, seconds: float, memory_bytes: int) -> str:
    """The name of the trial of these contents within these bounds, here and with this code: `sha256:…`.

    The first call reads the code, some hundred small files.
    """
    told = json.dumps([digest, seconds, memory_bytes, circumstances()])
    return f"sha256:{sha256(told.encode()).hexdigest()}"


def says_the_same_again(manifest: Manifest) -> bool:
    """Whether the trial of a folder with this manifest depends on nothing but what `trial_of` looks at."""
    return manifest.runtime.kind != "python"


@cache
def circumstances() -> str:
    """A digest of code, libraries, interpreter and processor."""
    found = sha256(json.dumps([sys.version, platform.machine(), processor(), libraries()]).encode())
    for package in (prediction_service, shared):
        root = Path(str(package.__file__)).parent
        for file in sorted(root.rglob("*.py")):
            found.update(f"\0{file.relative_to(root)}\0".encode())
            found.update(file.read_bytes())
    return found.hexdigest()


def libraries() -> list[str]:
    """Names and versions of what is installed, as the names of their folders say."""
    return sorted(found.name for place in sys.path if place for found in Path(place).glob("*.dist-info"))


def processor() -> list[str]:
    """What Linux says of the first processor; elsewhere nothing, for `platform.machine` says enough."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").split("\n\n")[0].splitlines()
    except OSError:
        return []
    return [line for line in lines if line.startswith(PROCESSOR_LINES)]
