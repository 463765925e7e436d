"""`python -m prediction_service.models.trials.process <folder> <bounds>`: tries one model's folder, and may die of it.

What it finds is one line of JSON on its standard output: the manifest, or what is wrong. It runs with bounds on memory
and processor time, and with an environment that has no secrets in it.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""Linux: the signal that a process gets when its parent ends."""

OUT_OF_MEMORY = ("bad_alloc", "AllocateRaw", "Available memory", "Failed to allocate memory")

NICENESS = 5
"""What serves goes first; about a third of a processor is left where all are busy."""


def main(folder: Path, memory_bytes: int, processor_seconds: int) -> None:
    """Binds itself, tries the folder, says what it found."""
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is no report
    bind(memory_bytes, processor_seconds)
    # Only now: what is imported counts too.
    from prediction_service.batching.runtime import ModelError
    from prediction_service.models.folders.manifest import ManifestError
    from prediction_service.models.trials.trial import try_model

    found: dict[str, object]
    try:
        found = {"manifest": try_model(folder).model_dump(mode="json")}
    except (ManifestError, ModelError) as error:
        found = {"fault": told(str(error), folder, memory_bytes)}
    except MemoryError:
        found = {"fault": told(OUT_OF_MEMORY[0], folder, memory_bytes)}
    except Exception as error:  # noqa: BLE001 -- a broken file makes libraries raise anything
        found = {"fault": told(f"cannot be loaded: {error}", folder, memory_bytes)}
    json.dump(found, report)
    report.close()
    os._exit(0)  # at once: libraries that a broken model confused might not end


def told(fault: str, folder: Path, memory_bytes: int) -> str:
    """What is wrong, without where; libraries have words of their own for memory that they were not given."""
    if any(words in fault for words in OUT_OF_MEMORY):
        return f"needs more memory than a model may take while it is tried ({memory_bytes >> 20:,} MiB)"
    return fault.replace(f"{folder}{os.sep}", "").replace(str(folder), ".")


def bind(memory_bytes: int, processor_seconds: int) -> None:
    """What is beyond these bounds fails or is killed, and when memory is short, this process goes first."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (processor_seconds, processor_seconds + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
