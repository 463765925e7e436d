"""A connection to Postgres, made as the URL says; the only place that knows the driver's arguments.

Several hosts are tried in turn, each within its own deadline, the one that worked last first. A server that takes no
writes (a standby, one that recovers, one that was set read-only) is of no use to any service: it is left for the next
host, and when there is none, that is as good as no answer. What goes wrong is said in one line, without the password.
"""

import asyncio
import random
import socket
import ssl
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

import asyncpg
from asyncpg.connect_utils import SessionAttribute
from pydantic import SecretStr

from shared.database.parameters import SYSTEM_CERTIFICATES, TLS
from shared.database.urls import target_of

TAKES_WRITES = "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'"

AWAY_STATES = ("08", "25006", "28", "3D", "53", "57", "58")
"""SQLSTATE classes that speak of the server and not of the statement: connection, read-only, login, missing database,
resources, shutdown or start, its disk."""

LOST_STATES = ("08", "25006", "57P")
"""Those after which the connection leads nowhere: broken, to a server that takes no writes, ended by the server."""

KEEPALIVE_OPTIONS = {
    "keepalives_idle": "TCP_KEEPIDLE",
    "keepalives_interval": "TCP_KEEPINTVL",
    "keepalives_count": "TCP_KEEPCNT",
    "tcp_user_timeout": "TCP_USER_TIMEOUT",
}


class Trouble(StrEnum):
    """Why there is no connection, in words that may be shown to anybody."""

    NO_ANSWER = "not reachable"
    LOGIN = "the login is refused"
    NO_DATABASE = "the database does not exist"
    READ_ONLY = "takes no writes"
    STARTING = "starting up or shutting down"

    @property
    def is_lasting(self) -> bool:
        """Whether somebody must change something; else waiting may help."""
        return self in (Trouble.LOGIN, Trouble.NO_DATABASE)


class CannotConnectError(Exception):
    """No server of the URL gives a connection that can write. Its text is one line for the log and names hosts."""

    def __init__(self, reasons: Mapping[str, tuple[Trouble, str]]) -> None:
        super().__init__("; ".join(f"{place}: {words}" for place, (_, words) in reasons.items()))
        troubles = [trouble for trouble, _ in reasons.values()]
        self.trouble = next((trouble for trouble in troubles if not trouble.is_lasting), troubles[0])


class Connector:
    """Makes connections to one database."""

    def __init__(self, url: SecretStr, application: str) -> None:
        self._target = target_of(url)
        self._application = application
        self._places = list(self._target.hosts)  # mutable: the one that worked last comes first

    @property
    def is_pooled(self) -> bool:
        """Whether a transaction pooler stands between: then nothing outlives a transaction."""
        return self._target.is_pooled

    async def connect(
        self, *, seconds: float, command_seconds: float | None = None, settings: Mapping[str, str] | None = None
    ) -> asyncpg.Connection:
        """A connection that can write. Each host has `seconds`, unless the URL has a `connect_timeout`.

        `settings` of the session are wishes: behind a pooler there is no session. Raises CannotConnectError.
        """
        given = self._target.parameters.get("connect_timeout")
        limit = float(given) if given else seconds
        reasons: dict[str, tuple[Trouble, str]] = {}
        for place in self._in_turn():
            try:
                async with asyncio.timeout(limit):
                    connection = await self._open(place, command_seconds, settings or {})
            except TimeoutError:
                reasons[name_of(place)] = (Trouble.NO_ANSWER, f"no answer in {limit:g} s")
            except Exception as error:  # noqa: BLE001 -- whatever the driver stumbles over, it is why there is no connection
                reasons[name_of(place)] = (trouble_of(error), words_of(error))
            else:
                self._places.remove(place)
                self._places.insert(0, place)
                return connection
        raise CannotConnectError(reasons)

    def _in_turn(self) -> list[tuple[str, int]]:
        if self._target.parameters.get("load_balance_hosts") == "random":
            return random.sample(self._places, len(self._places))
        return list(self._places)

    async def _open(
        self, place: tuple[str, int], command_seconds: float | None, settings: Mapping[str, str]
    ) -> asyncpg.Connection:
        connection: asyncpg.Connection = await asyncpg.connect(
            **self._tls(),
            host=place[0],
            port=place[1],
            user=self._target.user,
            password=self._target.password,
            passfile=self._target.parameters.get("passfile"),
            database=self._target.database,
            target_session_attrs=SessionAttribute.any,  # what we need is asked for below
            command_timeout=command_seconds,
            statement_cache_size=0 if self.is_pooled else 100,
            server_settings=self._session(settings),
        )
        try:
            self._keep_alive(connection)
            if not await connection.fetchval(TAKES_WRITES):
                raise asyncpg.ReadOnlySQLTransactionError("the server takes no writes: a standby, or set read-only")
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _session(self, settings: Mapping[str, str]) -> dict[str, str]:
        """What the session is told at its start; a pooler takes no more than a name, unless the URL says otherwise."""
        given = self._target.parameters
        name = given.get("application_name") or given.get("fallback_application_name") or self._application
        options = {"options": given["options"]} if "options" in given else {}
        return {"application_name": name, **options, **({} if self.is_pooled else settings)}

    def _tls(self) -> dict[str, Any]:
        """TLS as the driver wants it: files and modes in a URL of its own, which it reads anew each time."""
        given = {name: value for name, value in self._target.parameters.items() if name in TLS}
        if given.get("sslrootcert") != SYSTEM_CERTIFICATES:
            return {"dsn": f"postgresql://?{urlencode(given, quote_via=quote)}" if given else None}
        context = ssl.create_default_context()
        if "sslcert" in given:
            context.load_cert_chain(given["sslcert"], given["sslkey"], given.get("sslpassword", ""))
        return {"ssl": context, "direct_tls": given.get("sslnegotiation") == "direct"}

    def _keep_alive(self, connection: asyncpg.Connection) -> None:
        """Lets the kernel find out that the server's machine is gone; the driver has no words for that."""
        transport: asyncio.Transport = connection._transport  # type: ignore[attr-defined]  # noqa: SLF001
        peer = transport.get_extra_info("socket")
        given = self._target.parameters
        if peer is None or peer.family == socket.AF_UNIX or given.get("keepalives") == "0":
            return
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, option in KEEPALIVE_OPTIONS.items():
            if name in given and hasattr(socket, option):
                peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), int(given[name]))


def is_away(error: BaseException) -> bool:
    """Whether an error of a statement is about the server and not about the statement."""
    return (getattr(error, "sqlstate", None) or "").startswith(AWAY_STATES)


def is_lost(error: BaseException) -> bool:
    """Whether the connection over which an error came leads nowhere any more."""
    return (getattr(error, "sqlstate", None) or "").startswith(LOST_STATES)


def trouble_of(error: Exception) -> Trouble:
    """What an error at connecting means."""
    state = getattr(error, "sqlstate", None) or ""
    troubles = {"28": Trouble.LOGIN, "3D": Trouble.NO_DATABASE, "25": Trouble.READ_ONLY, "57": Trouble.STARTING}
    return troubles.get(state[:2], Trouble.NO_ANSWER)


def words_of(error: Exception) -> str:
    """An error at connecting in one line."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return in_one_line(error)


def in_one_line(error: Exception) -> str:
    """The first line of what an error says."""
    return (str(error) or type(error).__name__).splitlines()[0]


def name_of(place: tuple[str, int]) -> str:
    """A host as the log names it."""
    return f"{place[0]}:{place[1]}"
