"""`python -m prediction_service.models.trials.process <folder> <bounds>`: tries one model's folder, and may crash.

It writes its result as one line of JSON to its standard output: the manifest, or the fault. It limits its own memory
and processor time, and its environment contains no secrets.
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
"""So that serving goes first: on a busy machine a trial gets about a third of a processor."""


def main(folder: Path, memory_bytes: int, processor_seconds: int, environments: Path) -> None:
    """Limits itself, tries the folder, writes the result."""
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not get into the report
    limit_resources(memory_bytes, processor_seconds)
    # Imported only now, so that the limits cover the imports too.
    from prediction_service.batching.runtime import ModelError
    from prediction_service.models.folders.manifest_file import ManifestError
    from prediction_service.models.runtimes.python.launch import ProcessBounds
    from prediction_service.models.runtimes.python.workers import ProcessorTimeError
    from prediction_service.models.trials.trial import try_model

    found: dict[str, object]
    try:
        found = {"manifest": try_model(folder, ProcessBounds(environments)).model_dump(mode="json", exclude_unset=True)}
    except ProcessorTimeError:
        os.kill(os.getpid(), signal.SIGXCPU)  # the processor time of the trial's workers counts as the trial's own
    except (ManifestError, ModelError) as error:
        found = {"fault": message_for(str(error), folder, memory_bytes)}
    except MemoryError:
        found = {"fault": message_for(OUT_OF_MEMORY[0], folder, memory_bytes)}
    except Exception as error:  # noqa: BLE001 -- a broken file makes libraries raise anything
        found = {"fault": message_for(f"cannot be loaded: {error}", folder, memory_bytes)}
    json.dump(found, report)
    report.close()
    os._exit(0)  # without cleanup: libraries in a broken state might hang in it


def message_for(fault: str, folder: Path, memory_bytes: int) -> str:
    """The fault without the folder's path; the libraries' various messages about memory become one."""
    if any(words in fault for words in OUT_OF_MEMORY):
        return f"needs more memory than a model may take while it is tried ({memory_bytes >> 20:,} MiB)"
    return fault.replace(f"{folder}{os.sep}", "").replace(str(folder), ".")


def limit_resources(memory_bytes: int, processor_seconds: int) -> None:
    """Beyond these limits calls fail or the process is killed; when memory is short, the system kills it first."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (processor_seconds, processor_seconds + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
