"""Keys in Postgres: read, changed by the functions of the migrations, which write the audit, and listened for.

Postgres away or slow: StoreAwayError. A change of which that is said may have been made; but for new keys it names the
revision that it replaces, so to try it again does no harm.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import orjson

from gateway.keys.contracts import DAYS, EVENTS, KEYS, DayOfKey, Key, KeyEvent
from gateway.keys.ring import KeyRow
from gateway.keys.text import NewSecret
from shared.contracts.rights import ALL_MODELS, known_models, known_rights
from shared.database.connection import Connector
from shared.database.listening_connection import ListeningConnection, QueuedConnection

CHANNEL = "keys"

MOST_KEYS = 200_000
"""Not revoked; every gateway has all of them in memory."""

ROWS = 2000
"""Of one page of keys: some milliseconds to read."""

STATE = """
SELECT history::text AS history, revision, extract(epoch FROM clock_timestamp())::double precision AS now
FROM gateway.key_state
"""

CHANGED = """
SELECT key_id::text AS key_id, name, digest, old_digest, rights, models::text AS models, limits, max_in_flight,
    revision, revoked_at IS NOT NULL AS is_revoked,
    extract(epoch FROM old_expires_at)::double precision AS old_expires_at,
    extract(epoch FROM expires_at)::double precision AS expires_at
FROM gateway.api_key WHERE revision > $1 ORDER BY revision LIMIT $2
"""

LIST = """
SELECT coalesce(jsonb_agg(gateway.shown_key(key) ORDER BY name), '[]') FROM (
    SELECT * FROM gateway.api_key WHERE revoked_at IS NULL AND name > $1 ORDER BY name LIMIT $2
) AS key
"""

FIND = "SELECT gateway.shown_key(key) FROM gateway.api_key AS key WHERE key_id = $1"

CREATE = "SELECT gateway.create_key($1::jsonb, $2, $3, $4::jsonb)"
CHANGE = "SELECT gateway.change_key($1, $2, $3::jsonb, $4::jsonb)"
ROTATE = "SELECT gateway.rotate_key($1, $2, $3, $4, $5, $6::jsonb)"
REVOKE = "SELECT gateway.revoke_key($1, $2::jsonb)"
NOTE_USED = "SELECT gateway.note_used_keys($1::uuid[], $2::timestamptz[])"

ADD_USAGE = "SELECT gateway.add_key_usage($1, $2, $3::jsonb)"

KEPT_USAGE_DAYS = 400
"""More than a year can be billed from."""

FORGET_USAGE = f"""
WITH old AS (DELETE FROM gateway.key_usage WHERE day < (now() AT TIME ZONE 'UTC')::date - {KEPT_USAGE_DAYS})
DELETE FROM gateway.usage_batch WHERE written_at < now() - interval '30 days'
"""  # noqa: S608 - a number of ours

USAGE = """
SELECT coalesce(jsonb_agg(to_jsonb(used) ORDER BY day), '[]') FROM (
    SELECT day, coalesce(requests, 0) AS requests, coalesce(refused, 0) AS refused, coalesce(predict, 0) AS predict,
        coalesce(feedback, 0) AS feedback, coalesce(reports, 0) AS reports, coalesce(predictions, 0) AS predictions
    FROM (SELECT * FROM gateway.key_usage WHERE key_id = $1 AND day BETWEEN $2 AND $3) AS asked
    FULL JOIN metrics.predictions_of_key($1, $2, $3) USING (day)
) AS used
"""

HISTORY = """
SELECT coalesce(jsonb_agg(to_jsonb(event)), '[]') FROM (
    SELECT * FROM gateway.api_key_event WHERE $1::uuid IS NULL OR key_id = $1 ORDER BY event_id DESC LIMIT $2
) AS event
"""


@dataclass(frozen=True, slots=True)
class ChangedBy:
    """Who changes a key, and why, for the audit."""

    actor: str
    actor_key_id: str | None
    reason: str
    request_id: str
    client_address: str


class KeyState(NamedTuple):
    """How far the changes of keys have come."""

    history: str
    """Another one: the database is another, or has been restored."""
    revision: int
    now: float
    """Postgres's clock, in seconds since 1970."""


class NameTakenError(Exception):
    """Another key that is not revoked has this name."""


class TooManyKeysError(Exception):
    """There are MOST_KEYS."""


class KeyStore:
    """`told` hears of changes.

    What may take its time has a connection of its own: lists, audits, and what keys were used for. However many people
    read these, and whatever locks they wait for, the next change of a key is not known any later.
    """

    def __init__(self, connector: Connector, told: Callable[[], None]) -> None:
        self._connection = ListeningConnection(connector, CHANNEL, told)
        self._slow_connection = QueuedConnection(connector)

    def disconnect(self) -> None:
        """Ends the connections at once."""
        self._connection.drop()
        self._slow_connection.drop()

    @property
    def connection_number(self) -> int:
        """Which connection this is; on another one another server may answer."""
        return self._connection.number

    async def state(self) -> KeyState:
        """How far changes have come."""
        (row,) = await self._connection.rows(STATE)
        return KeyState(*row)

    async def changed_after(self, revision: int) -> list[KeyRow]:
        """The next ROWS keys, revoked ones too, in the order in which they were changed."""
        rows = await self._connection.rows(CHANGED, revision, ROWS)
        return [key_row(dict(row)) for row in rows]

    async def page(self, after: str, limit: int) -> list[Key]:
        """Keys that are not revoked, by name."""
        return KEYS.validate_json(await self._slow_connection.value(LIST, after, limit))

    async def find(self, key_id: UUID) -> Key | None:
        """One key, a revoked one too."""
        return key_in(await self._connection.value(FIND, key_id))

    async def create(self, wanted: Mapping[str, Any], secret: NewSecret, by: ChangedBy) -> Key:
        """Raises NameTakenError, TooManyKeysError."""
        row = json({**wanted, "prefix": secret.prefix})
        try:
            text = await self._connection.value(
                CREATE, row, secret.digest, MOST_KEYS, json(asdict(by)),
                harmless=(asyncpg.UniqueViolationError, asyncpg.ProgramLimitExceededError),
            )  # fmt: skip
        except asyncpg.UniqueViolationError:
            raise NameTakenError from None
        except asyncpg.ProgramLimitExceededError:
            raise TooManyKeysError from None
        return Key.model_validate_json(text)

    async def change(self, key_id: UUID, expected: int, wanted: Mapping[str, Any], by: ChangedBy) -> Key | None:
        """None: there is no such key at this revision. Raises NameTakenError."""
        try:
            text = await self._connection.value(
                CHANGE, key_id, expected, json(wanted), json(asdict(by)), harmless=(asyncpg.UniqueViolationError,)
            )
        except asyncpg.UniqueViolationError:
            raise NameTakenError from None
        return key_in(text)

    async def rotate(
        self, key_id: UUID, expected: int, secret: NewSecret, old_lives_seconds: int, by: ChangedBy
    ) -> Key | None:
        """None: there is no such key at this revision."""
        return key_in(
            await self._connection.value(
                ROTATE, key_id, expected, secret.prefix, secret.digest, old_lives_seconds, json(asdict(by))
            )
        )

    async def revoke(self, key_id: UUID, by: ChangedBy) -> Key | None:
        """None: there is no such key, or it is revoked."""
        return key_in(await self._connection.value(REVOKE, key_id, json(asdict(by))))

    async def history(self, key_id: UUID | None, limit: int) -> list[KeyEvent]:
        """The newest lines of the audit, of one key or of all."""
        return EVENTS.validate_json(await self._slow_connection.value(HISTORY, key_id, limit))

    async def note_used(self, ids: list[UUID], minutes: list[Any]) -> None:
        """When keys were used last."""
        await self._slow_connection.value(NOTE_USED, ids, minutes)

    async def add_usage(self, gateway: UUID, batch: int, counted: list[dict[str, str | int]]) -> None:
        """What a gateway process has counted; a batch that comes again is counted once."""
        await self._slow_connection.value(ADD_USAGE, gateway, batch, json(counted))

    async def forget_usage(self) -> None:
        """Drops what is older than KEPT_USAGE_DAYS."""
        await self._slow_connection.value(FORGET_USAGE)

    async def usage(self, key_id: UUID, since: date, until: date) -> list[DayOfKey]:
        """What a key was used for, by day; days without use are left out."""
        return DAYS.validate_json(await self._slow_connection.value(USAGE, key_id, since, until))


def key_row(row: dict[str, Any]) -> KeyRow:
    """A key as requests need it."""
    models = ALL_MODELS if row["models"] is None else known_models(orjson.loads(row["models"]))
    return KeyRow(**row | {"rights": known_rights(row["rights"]), "models": models})


def key_in(text: str | None) -> Key | None:
    """A key in JSON, if there is one."""
    return None if text is None else Key.model_validate_json(text)


def json(value: Any) -> str:
    """As Postgres takes it."""
    return orjson.dumps(value).decode()
