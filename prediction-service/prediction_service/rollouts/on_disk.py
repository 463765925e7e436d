"""The policies known last, on local disk: for a start while Postgres is away.

Without them such a start would give every model's newest version to everybody, which is just what a policy prevents.
A file that is missing, damaged or of another kind counts as nothing known; one that cannot be written is logged.
"""

import os
import stat
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import structlog
from pydantic import BaseModel, ValidationError

from shared.contracts.rollouts import Rollout
from shared.settings.opening import without_waiting

NAME = "rollouts.json"

MOST_BYTES = 16 * 1024 * 1024
"""Of the file; a policy takes some hundred bytes."""

log = structlog.get_logger()


class KnownPolicies(BaseModel):
    """What is in the file."""

    at: datetime
    """When Postgres said so."""
    policies: list[Rollout]


class PolicyFile:
    """The file in a folder; without a folder nothing is kept. Both methods block."""

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / NAME if folder else None

    def read(self) -> KnownPolicies | None:
        """What is known from earlier; None: nothing."""
        if self._file is None:
            return None
        try:
            with open(self._file, "rb", opener=without_waiting) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise OSError("is not a plain file")
                return KnownPolicies.model_validate_json(file.read(MOST_BYTES))
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            log.warning("policies of an earlier run cannot be read", reason=str(error).partition("\n")[0])
            return None

    def write(self, known: KnownPolicies) -> None:
        """Replaces the file as a whole, durably."""
        if self._file is None:
            return
        draft = self._file.with_name(f"{NAME}.{os.getpid()}.draft")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with open(draft, "wb", opener=without_waiting) as file:
                file.write(known.model_dump_json().encode())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._file)
        except OSError as error:
            log.warning("policies cannot be kept on disk", reason=error.strerror or str(error))
            with suppress(OSError):
                draft.unlink(missing_ok=True)
