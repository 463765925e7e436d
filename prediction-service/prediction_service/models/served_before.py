"""Which models were served before a restart, by digest: those are tried first, however many new folders there are.

They are tried like all others: the file decides only the order, so writing to it gains nobody anything else. A file
that cannot be read or written is ignored.
"""

import re
from pathlib import Path
from threading import Lock

import structlog

from prediction_service.models.folders.plain_files import read_plain, replace_plain

NAME = "served-before"

MOST = 1000
"""Digests that are kept; beyond that the oldest are dropped."""

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

log = structlog.get_logger()


class ServedBefore:
    """Digests in a file of `folder`, one per line; without a folder, only in this process's memory."""

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / NAME if folder else None
        self._lock = Lock()
        self._digests = dict.fromkeys(self._read())  # the oldest first; only `add` changes it

    def __contains__(self, digest: str) -> bool:
        return digest in self._digests

    def add(self, digest: str) -> None:
        """Adds a digest that is served now. Blocks while it writes."""
        with self._lock:
            if digest in self._digests:
                return
            kept = [*self._digests, digest][-MOST:]
            self._digests = dict.fromkeys(kept)
            if self._file is not None:
                content = "".join(f"{digest}\n" for digest in kept).encode("ascii")
                try:
                    replace_plain(self._file, self._file.with_name(f"{NAME}.draft"), content)
                except FileNotFoundError:
                    return  # no such folder, or another process has just moved the draft
                except OSError as error:
                    log.warning("what was served is not remembered", reason=error.strerror)

    def _read(self) -> list[str]:
        if self._file is None:
            return []
        try:
            return DIGEST.findall(read_plain(self._file, MOST * 100).decode("ascii", "replace"))[-MOST:]
        except OSError:
            return []
