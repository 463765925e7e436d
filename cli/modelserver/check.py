"""`modelserver check`: whether the service would serve what is in a folder, and if not, why.

FOLDER is a version (models/churn/1.0.0), a model (models/churn) or a whole repository (models).
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from modelserver.libraries import library

SERVICE = "prediction_service.check"

ENVIRONMENTS = Path("model-environments")

SECONDS, MEMORY_BYTES = 30.0, 1 << 30
"""What a version may take, as the service has it (MODEL_LOAD_SECONDS, MODEL_MEMORY_BYTES)."""


def add_to(commands: Any) -> None:
    """Adds the command and its options."""
    command = commands.add_parser("check", help="would the service serve this folder?", description=__doc__)
    command.add_argument("folder", type=Path, nargs="+", metavar="FOLDER")
    command.add_argument(
        "--seconds", type=float, default=SECONDS, help="time for each version (MODEL_LOAD_SECONDS; 30)"
    )
    command.add_argument("--memory", type=int, default=MEMORY_BYTES, metavar="BYTES", help="MODEL_MEMORY_BYTES; 1 GiB")
    command.add_argument(
        "--environments",
        type=Path,
        default=ENVIRONMENTS,
        metavar="FOLDER",
        help="of Python models (MODEL_ENVIRONMENTS_DIR)",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """One line for each version; 1 if one of them is refused. Raises UsageError without the service's code."""
    service = library(SERVICE)
    refused = False
    bounds = {"seconds": options.seconds, "memory_bytes": options.memory, "environments": options.environments}
    for folder in options.folder:
        for verdict in service.check(folder, **bounds):
            refused |= bool(verdict.fault)
            write("refused" if verdict.fault else "ok", verdict.path, verdict.fault or verdict.summary)
            for note in verdict.notes:
                write("note", verdict.path, note)
    return int(refused)


def write(what: str, path: Path, about: str) -> None:
    """One line, at once: the next folder may take its time."""
    sys.stdout.write(f"{what:8} {path}: {about}\n")
    sys.stdout.flush()
