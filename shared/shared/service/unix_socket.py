"""The Unix socket of a service: listened on, looked after, taken away at the end.

Its file is only a name: who deletes it takes nothing from the process that listens, but nobody finds in any more. So
somebody looks each second whether it is still there, and a service whose socket is gone listens anew.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from shared.settings.behind_the_gateway import is_something_else

log = structlog.get_logger()


class UnixSocket:
    """What one process listens on at one path. Where another process listens there, it is left to that one."""

    def __init__(self, path: Path, backlog: int, make_connection: Callable[[], asyncio.Protocol]) -> None:
        self.path = path
        self._backlog, self._make_connection = backlog, make_connection
        self._listening: asyncio.AbstractServer | None = None
        self._file: os.stat_result | None = None
        self._trouble: str | None = None  # as the log has it, so that it is not there again each second

    async def listen(self) -> None:
        """From here on, connections are taken. Raises OSError when that cannot be."""
        own, file = bound(self.path)
        loop = asyncio.get_running_loop()
        listening = await loop.create_unix_server(self._make_connection, sock=own, backlog=self._backlog)
        if self._listening is not None:
            self._listening.close()
        self._listening, self._file = listening, file

    async def listen_anew_if_gone(self) -> None:
        """A look at the file; raises nothing: what cannot be now is tried with the next look."""
        if self._is_there():
            return
        try:
            await self.listen()
        except OSError as error:
            if error.strerror != self._trouble:
                log.error("UNIX_SOCKET is gone", path=str(self.path), error=error.strerror)  # noqa: TRY400
            self._trouble = error.strerror
        else:
            log.warning("UNIX_SOCKET was gone, listening anew", path=str(self.path))
            self._trouble = None

    def close(self) -> None:
        """No new connections; no file is left where it is still ours, and that of another process stays."""
        if self._listening is not None:
            self._listening.close()
        if self._is_there():
            with suppress(OSError):
                self.path.unlink()

    def _is_there(self) -> bool:
        with suppress(OSError):
            return self._file is not None and os.path.samestat(self.path.stat(), self._file)
        return False


def bound(path: Path) -> tuple[socket.socket, os.stat_result]:
    """A socket that only this user may connect to, and its file, in the place of one on which nobody listens any more.

    Raises OSError, also where another process listens or what is there is no socket.
    """
    if is_something_else(path):
        raise FileExistsError(errno.EEXIST, "it is there, and no socket")
    if is_listened_on(path):
        raise OSError(errno.EADDRINUSE, "another process listens there")
    path.unlink(missing_ok=True)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        found.bind(str(path))
        path.chmod(0o600)  # before anybody listens: until then connections are refused
        return found, path.stat()
    except OSError:
        found.close()
        raise


def is_listened_on(path: Path) -> bool:
    """Whether a process takes connections there. Raises OSError when this user may not know."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.setblocking(False)
        try:
            trial.connect(str(path))
        except BlockingIOError:  # more wait there than there is room for
            return True
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True
