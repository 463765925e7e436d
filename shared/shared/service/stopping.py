"""How a service stops: it says that it is not ready, goes on for a while, takes nothing new, finishes, ends.

The while (`SHUTDOWN_DELAY_SECONDS`) is for load balancers. In its first half everything goes on, so that one that asks
for readiness can notice. In its second half no new connection is accepted, which shows before anything of a request is
sent, and each response closes its connection: those that a balancer keeps are used up, none is closed under a request.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import structlog
import uvicorn
from starlette.types import Scope
from uvicorn.config import STARTUP_FAILURE

from shared.service.liveness import Liveness
from shared.service.unix_socket import UnixSocket
from shared.telemetry.logs import flush_logs

log = structlog.get_logger()

TICK_SECONDS = 0.1
"""uvicorn's own rhythm: what it does once a second, it does every tenth tick."""

TICKS_A_SECOND = 10

STOPPING = "stopping"
CLOSED = "closed"
"""Where the state that the server hands to every request says so."""


def is_stopping(scope: Scope) -> bool:
    """Whether the service was told to stop before this request came."""
    return STOPPING in scope.get("state", ())


def is_closed(scope: Scope) -> bool:
    """Whether nobody new is let in any more, so that this connection, too, should end with its response."""
    return CLOSED in scope.get("state", ())


class Server(uvicorn.Server):
    """uvicorn's server with a time between the signal and the closed door."""

    def __init__(
        self, config: uvicorn.Config, delay_seconds: float, liveness: Liveness, unix_socket: Path | None = None
    ) -> None:
        super().__init__(config)
        self._delay_seconds, self._liveness = delay_seconds, liveness
        self._unix_socket = (
            None if unix_socket is None else UnixSocket(unix_socket, config.backlog, self._make_connection)
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Whatever the start takes; from then on the event loop is watched."""
        await super().startup(sockets)
        if self._unix_socket is not None:
            await self._listen_on(self._unix_socket)
        self._liveness.start()

    async def _listen_on(self, unix_socket: UnixSocket) -> None:
        """Where that cannot be, all ends with one line, as uvicorn has it for a port that is taken."""
        try:
            await unix_socket.listen()
        except OSError as error:
            log.error("cannot listen on UNIX_SOCKET", path=str(unix_socket.path), error=error.strerror)  # noqa: TRY400
            await self.lifespan.shutdown()
            raise SystemExit(STARTUP_FAILURE) from error

    async def on_tick(self, counter: int) -> bool:
        """What uvicorn does in its rhythm, and a look after the Unix socket, which whoever stops leaves to others."""
        if self._unix_socket is not None and counter % TICKS_A_SECOND == 0 and STOPPING not in self.lifespan.state:
            await self._unix_socket.listen_anew_if_gone()
        return await super().on_tick(counter)

    def _make_connection(self) -> asyncio.Protocol:
        """As uvicorn does for those that come over its own sockets."""
        make: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Not ready; then no new connections; then the end of what is in flight."""
        self.lifespan.state[STOPPING] = True
        await self._go_on(lambda: True)
        self.lifespan.state[CLOSED] = True
        for server in self.servers:
            server.close()
        if self._unix_socket is not None:
            self._unix_socket.close()
        await self._go_on(lambda: bool(self.server_state.connections))
        await super().shutdown(sockets)
        self._liveness.stop()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves until a signal, which uvicorn raises once more when all is done: then the process ends."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end_process)
        super().run(sockets)

    async def _go_on(self, while_it_helps: Callable[[], bool]) -> None:
        """Answers for half of the delay, or until somebody presses Ctrl-C a second time."""
        for tick in range(round(self._delay_seconds / 2 / TICK_SECONDS)):
            if self.force_exit or not while_it_helps():
                return
            await self.on_tick(tick)  # keeps the Date header true
            await asyncio.sleep(TICK_SECONDS)


def end_process(number: int, frame: FrameType | None) -> None:
    """Ends with exit code 0 and the last lines of the log, at once: a thread that hangs is not waited for."""
    flush_logs()
    os._exit(0)
