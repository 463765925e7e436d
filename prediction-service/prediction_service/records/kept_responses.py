"""Looks up responses that are kept in Postgres; all that are looked for at a time with one statement.

On a connection of its own, which is made when somebody sends a key for the first time: commits never wait for it.
"""

from collections.abc import Sequence
from functools import partial

from prediction_service.records.addition import KeptResponse
from prediction_service.records.postgres import CONNECT_SECONDS, StoreUnavailableError, find_responses
from shared.asyncio.background import Background
from shared.asyncio.group_call import Group, GroupCall, fail, tell
from shared.database.connection import Connector
from shared.database.lone_connection import LoneConnection

HOURS = 24
"""How long a response is kept."""

MAX_KEYS = 256
"""Per statement."""


class KeptResponses:
    """`start` and `end` enclose its use."""

    def __init__(self, connector: Connector) -> None:
        self._connection = LoneConnection(connector, seconds=CONNECT_SECONDS)
        self._lookups: GroupCall[bytes, KeptResponse | None] = GroupCall(ended, max_size=MAX_KEYS)
        self._serving = Background(partial(self._lookups.serve, self._look_up), "kept responses")

    def start(self) -> None:
        """From now on somebody looks."""
        self._serving.start()

    async def end(self) -> None:
        """Nobody looks any more."""
        await self._serving.end()
        self._connection.drop()

    async def find(self, key: bytes) -> KeptResponse | None:
        """The response that is kept under a key. Raises StoreUnavailableError."""
        return await self._lookups.join(key)

    async def _look_up(self, group: Group[bytes, KeptResponse | None]) -> None:
        try:
            found = await self._found(list(group))
        except Exception as error:  # noqa: BLE001 -- asyncpg raises all kinds of errors when a connection breaks at a bad moment
            for waiters in group.values():
                fail(waiters, StoreUnavailableError(f"{type(error).__name__}: {error}"))
        else:
            for key, waiters in group.items():
                tell(waiters, found.get(key))

    async def _found(self, keys: Sequence[bytes]) -> dict[bytes, KeptResponse]:
        was_connected = self._connection.is_open
        try:
            return await self._ask(keys)
        except TimeoutError:
            raise
        except Exception:
            if not was_connected:
                raise
            # A connection that broke while it was idle does not mean that Postgres is away; a timeout does.
            return await self._ask(keys)

    async def _ask(self, keys: Sequence[bytes]) -> dict[bytes, KeptResponse]:
        async with self._connection.use() as connection:
            return await find_responses(connection, keys, hours=HOURS)


def ended() -> Exception:
    """The error for those who still wait when the service ends."""
    return StoreUnavailableError("the service ends")
