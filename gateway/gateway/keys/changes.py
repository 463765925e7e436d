"""What operators do to keys: checked, written with its audit, and in force here before it is answered.

Postgres away: KeysUnchangeable, and the keys known last go on.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from gateway.keys.contracts import (
    CHANGEABLE,
    Key,
    KeyChange,
    KeyEvent,
    KeyPage,
    KeyRotation,
    KeyUse,
    KeyWithSecret,
    NewKey,
    UsedByKey,
)
from gateway.keys.follower import KeyFollower
from gateway.keys.models import as_stored, require_held
from gateway.keys.store import KEPT_USAGE_DAYS, MOST_KEYS, ChangedBy, NameTakenError, TooManyKeysError
from gateway.keys.text import new_secret
from gateway.keys.usage import day_of, total_of
from shared.contracts.problem import FieldError
from shared.database.listening_connection import StoreAwayError
from shared.http.problems import InvalidRequest, Problem

RETRY_AFTER_SECONDS = 2

MONTH = timedelta(days=29)
"""Before the last day, when nobody says since when."""


class KeysUnchangeable(Problem):
    """Postgres is away: keys can be used, as they were known last, and neither read nor changed."""

    status = 503
    type = "urn:problem-type:database-away"
    title = "Database Away"

    def __init__(self) -> None:
        super().__init__(
            "Keys can be neither listed nor changed at the moment; those known last go on.",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )


class KeyNotFound(Problem):
    """No key has this id."""

    status = 404
    title = "Not Found"

    def __init__(self, key_id: UUID) -> None:
        super().__init__(f"There is no key {key_id}.")


class KeyMoved(Problem):
    """Somebody else has changed the key meanwhile."""

    status = 409
    type = "urn:problem-type:key-moved"
    title = "Key Moved"

    def __init__(self, key: Key, expected: int) -> None:
        super().__init__(
            f"The key {key.name} is at revision {key.revision}, not {expected}; read it again.", revision=key.revision
        )


class KeyRevoked(Problem):
    """A revoked key is revoked for good."""

    status = 409
    type = "urn:problem-type:key-revoked"
    title = "Key Revoked"

    def __init__(self, key: Key) -> None:
        super().__init__(f"The key {key.name} is revoked, for good; make another one.")


class NameTaken(Problem):
    """No two keys have the same name."""

    status = 409
    type = "urn:problem-type:key-name-taken"
    title = "Key Name Taken"

    def __init__(self) -> None:
        super().__init__("Another key, which is not revoked, has this name.")


class TooManyKeys(Problem):
    """Every gateway has all keys in memory."""

    status = 409
    type = "urn:problem-type:too-many-keys"
    title = "Too Many Keys"

    def __init__(self) -> None:
        super().__init__(f"There are {MOST_KEYS:,} keys, which is all there can be; revoke some that nobody uses.")


class KeyChanges:
    """The use cases, independent of HTTP."""

    def __init__(self, follower: KeyFollower) -> None:
        self._follower, self._store = follower, follower.store

    async def page(self, after: str, limit: int) -> KeyPage:
        """A page of the keys that are not revoked. Raises KeysUnchangeable."""
        async with translated():
            keys = await self._store.page(after, limit)
        return KeyPage(keys=keys, next_after=keys[-1].name if len(keys) == limit else None)

    async def find(self, key_id: UUID) -> Key:
        """Raises KeyNotFound, KeysUnchangeable."""
        async with translated():
            key = await self._store.find(key_id)
        if key is None:
            raise KeyNotFound(key_id)
        return key

    async def create(self, wanted: NewKey, by: ChangedBy) -> KeyWithSecret:
        """Raises InvalidRequest, NameTaken, TooManyKeys, KeysUnchangeable."""
        self._require_future(wanted.expires_at)
        require_held(wanted.models, wanted.rights)
        secret, row = new_secret(), wanted.model_dump(mode="json", include=set(CHANGEABLE))
        async with translated():
            key = await self._store.create(row | as_stored(wanted.rights, wanted.models), secret, by)
        await self._in_force()
        return KeyWithSecret(**key.model_dump(), key=secret.text)

    async def change(self, key_id: UUID, change: KeyChange, by: ChangedBy) -> Key:
        """Raises InvalidRequest, KeyNotFound, KeyMoved, KeyRevoked, NameTaken, KeysUnchangeable."""
        self._require_future(change.expires_at)
        wanted: Mapping[str, Any] = change.model_dump(mode="json", include=set(CHANGEABLE), exclude_unset=True)
        if wanted.keys() & {"rights", "models"}:
            wanted = {**wanted, **await self._rights_after(key_id, change)}
        async with translated():
            key = await self._store.change(key_id, change.revision, wanted, by)
        return await self._changed(key, key_id, change.revision)

    async def _rights_after(self, key_id: UUID, change: KeyChange) -> dict[str, Any]:
        """Rights and models as they are to be; what is not named stays, at the revision that the change names."""
        present = await self.find(key_id)
        rights = present.rights if change.rights is None else change.rights
        models = change.models if "models" in change.model_fields_set else present.models
        if present.revision == change.revision:
            require_held(models, rights)
        return as_stored(rights, models)

    async def rotate(self, key_id: UUID, rotation: KeyRotation, by: ChangedBy) -> KeyWithSecret:
        """Raises KeyNotFound, KeyMoved, KeyRevoked, KeysUnchangeable."""
        secret = new_secret()
        async with translated():
            key = await self._store.rotate(key_id, rotation.revision, secret, rotation.old_lives_seconds, by)
        key = await self._changed(key, key_id, rotation.revision)
        return KeyWithSecret(**key.model_dump(), key=secret.text)

    async def revoke(self, key_id: UUID, by: ChangedBy) -> Key:
        """Raises KeyNotFound, KeysUnchangeable; one that is revoked already stays as it is."""
        async with translated():
            key = await self._store.revoke(key_id, by)
        await self._in_force()
        return key or await self.find(key_id)

    async def history(self, key_id: UUID | None, limit: int) -> list[KeyEvent]:
        """The newest lines of the audit. Raises KeysUnchangeable."""
        async with translated():
            return await self._store.history(key_id, limit)

    async def usage(self, key_id: UUID, since: date | None, until: date | None) -> KeyUse:
        """What a key was used for, by day. Raises InvalidRequest, KeyNotFound, KeysUnchangeable."""
        until = until or day_of(self._follower.ring.now())
        since = since or until - min(MONTH, until - date.min)
        if not timedelta(0) <= until - since <= timedelta(days=KEPT_USAGE_DAYS):
            message = f"must not be after until, nor more than {KEPT_USAGE_DAYS} days before it"
            raise InvalidRequest([FieldError(location="query.since", message=message)])
        await self.find(key_id)
        async with translated():
            days = await self._store.usage(key_id, since, until)
        return KeyUse(key_id=key_id, since=since, until=until, total=UsedByKey(**total_of(days)), days=days)

    async def _changed(self, key: Key | None, key_id: UUID, expected: int) -> Key:
        """The key that was written, in force here; else why there is none."""
        if key is not None:
            await self._in_force()
            return key
        present = await self.find(key_id)
        raise KeyRevoked(present) if present.revoked_at is not None else KeyMoved(present, expected)

    async def _in_force(self) -> None:
        """What was just written holds here. Postgres gone since then: within seconds of its return."""
        with suppress(StoreAwayError):
            await self._follower.look()

    def _require_future(self, expires_at: datetime | None) -> None:
        if expires_at is not None and expires_at.timestamp() <= self._follower.ring.now():
            raise InvalidRequest([FieldError(location="body.expires_at", message="is not in the future")])


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """What the store raises, as problems."""
    try:
        yield
    except StoreAwayError:
        raise KeysUnchangeable from None
    except NameTakenError:
        raise NameTaken from None
    except TooManyKeysError:
        raise TooManyKeys from None
