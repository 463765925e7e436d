"""Which contents were served before a restart: those are tried first, so that no crowd of new folders delays them.

They are tried all the same: whoever can write to this file decides about an order, and about nothing else. A file that
cannot be read or written is as good as none.
"""

import re
from pathlib import Path
from threading import Lock

import structlog

from prediction_service.models.folders.plain_files import read_plain, replace_plain

NAME = "served-before"

MOST = 1000
"""Digests that are kept; the oldest go first."""

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

log = structlog.get_logger()


class ServedBefore:
    """Digests in a file of `folder`, one a line; None: they are remembered by this process alone."""

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / NAME if folder else None
        self._lock = Lock()
        self._digests = dict.fromkeys(self._read())  # the order is that of time; only `add` changes it

    def __contains__(self, digest: str) -> bool:
        return digest in self._digests

    def add(self, digest: str) -> None:
        """Notes down that it is served now. Blocks while it writes."""
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
                    return  # there is no such folder, or another process was faster
                except OSError as error:
                    log.warning("what was served is not remembered", reason=error.strerror)

    def _read(self) -> list[str]:
        if self._file is None:
            return []
        try:
            return DIGEST.findall(read_plain(self._file, MOST * 100).decode("ascii", "replace"))[-MOST:]
        except OSError:
            return []
