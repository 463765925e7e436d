"""Digests that outlive the process, one per line of a file in the journal's folder.

Two things are remembered so. Which models were served before a restart: those are tried first, however many new folders
there are. And which trials were passed: a trial that would be the same again (`trials/same_trial`) is not made again.

A file that cannot be read or written is ignored: then models are tried again, in the order of their names.
"""

import re
from pathlib import Path
from threading import Lock

import structlog

from prediction_service.models.folders.plain_files import read_plain, replace_plain

SERVED, PASSED = "served-before", "passed-trials"

MOST = 1000
"""Digests that are kept; beyond that the oldest are dropped."""

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

log = structlog.get_logger()


class RememberedDigests:
    """Digests in the file `name` of `folder`; without a folder, only in this process's memory."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self._file = folder / name if folder else None
        self._lock = Lock()
        self._digests = dict.fromkeys(self._read())  # the oldest first; only `add` changes it

    def __contains__(self, digest: str) -> bool:
        return digest in self._digests

    def add(self, digest: str) -> None:
        """Remembers a digest. Blocks while it writes."""
        with self._lock:
            if digest in self._digests:
                return
            others = [each for each in self._read() if each not in self._digests]  # of replicas with the same folder
            kept = [*self._digests, *others, digest][-MOST:]
            self._digests = dict.fromkeys(kept)
            if self._file is not None:
                content = "".join(f"{digest}\n" for digest in kept).encode("ascii")
                try:
                    replace_plain(self._file, self._file.with_name(f"{self._file.name}.draft"), content)
                except FileNotFoundError:
                    return  # no such folder, or another process has just moved the draft
                except OSError as error:
                    log.warning("a digest is not remembered", file=self._file.name, reason=error.strerror)

    def _read(self) -> list[str]:
        if self._file is None:
            return []
        try:
            return DIGEST.findall(read_plain(self._file, MOST * 100).decode("ascii", "replace"))[-MOST:]
        except OSError:
            return []
