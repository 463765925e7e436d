"""The keys in force, as they were known last, in this process's memory. Requests read them, and wait for nothing.

All of them are here, about 600 bytes each. So a key that is not here is unknown without a question to anybody, however
many unknown ones come, and to find one takes the same time as not to find it: a SHA-256, and a dictionary of digests.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import NamedTuple

from gateway.keys.text import digest_of
from gateway.limit.policy_text import policy_of_text
from gateway.limit.window import Policy, PolicyOf
from gateway.request.shown_key import ShownKey
from shared.asyncio.clock import Clock
from shared.contracts.rights import ALL_MODELS, RightModels, Rights
from shared.http.key_holder import KeyHolder, sealed
from shared.http.problems import Problem

COUNTED_BEGINNING = "key:"


class WithoutDatabase(StrEnum):
    """What becomes of keys when Postgres has been away for longer than what was known last is good for."""

    LAST = "last"
    """They go on. Nobody can have revoked one meanwhile: that needs Postgres."""
    DENY = "deny"
    """They are refused with 503."""


class KeysUnavailable(Problem):
    """Keys cannot be looked at now: what is known of them is too old, or there is nothing yet."""

    status = 503
    type = "urn:problem-type:keys-unavailable"
    title = "Keys Unavailable"

    def __init__(self) -> None:
        super().__init__("Keys cannot be checked at the moment: Postgres is away.", headers={"Retry-After": "2"})


class KeyRow(NamedTuple):
    """A key as Postgres has it. Times in seconds since 1970, by Postgres's clock."""

    key_id: str
    digest: bytes
    old_digest: bytes | None
    old_expires_at: float | None
    rights: Rights
    """Those that are for all models; the others have theirs in `models`."""
    expires_at: float | None
    is_revoked: bool
    revision: int
    limits: str | None = None
    max_in_flight: int | None = None
    name: str = ""
    models: RightModels = ALL_MODELS


@dataclass(slots=True)
class KnownKey:
    """One way to show a key: the present secret, or the one before while it lives."""

    holder: KeyHolder
    expires_at: float
    policy: Policy | None
    """Its own limits; None: it has none."""
    max_in_flight: int | None
    shown: ShownKey | None = None
    """Made when it is needed first: of many keys few are in use."""


class KeyTable:
    """Keys by the digests of what shows them, and their limits by what these are counted for.

    Those that are called as in `named` are known by their names as well.
    """

    def __init__(self, named: frozenset[str] = frozenset()) -> None:
        self._named = named
        self._by_name: dict[str, KnownKey] = {}
        self._names: dict[str, str] = {}
        self._keys: dict[bytes, KnownKey] = {}
        self._digests: dict[str, tuple[bytes, ...]] = {}
        self._policies: dict[str, Policy] = {}

    def __len__(self) -> int:
        return len(self._digests)

    def get(self, digest: bytes) -> KnownKey | None:
        """The key with this digest, expired or not."""
        return self._keys.get(digest)

    def get_named(self, name: str) -> KnownKey | None:
        """The key of this name, expired or not."""
        return self._by_name.get(name)

    def policy_of(self, counted_as: str) -> Policy | None:
        """The limits of a key, if it has any of its own."""
        return self._policies.get(counted_as)

    def put(self, row: KeyRow) -> None:
        """A key is new, or has changed."""
        for digest in self._digests.pop(row.key_id, ()):
            self._keys.pop(digest, None)
        self._policies.pop(counted_as(row.key_id), None)
        name = self._names.pop(row.key_id, None)
        if name is not None and self._by_name[name].holder.key_id == row.key_id:  # else another has got it since
            del self._by_name[name]
        if row.is_revoked:
            return
        holder = KeyHolder(row.key_id, row.rights.union(row.models), row.models)
        expires_at = inf if row.expires_at is None else row.expires_at
        policy = None if row.limits is None else policy_of_text(row.limits)
        if policy is not None:
            self._policies[counted_as(row.key_id)] = policy
        self._keys[row.digest] = KnownKey(holder, expires_at, policy, row.max_in_flight)
        self._digests[row.key_id] = (row.digest,)
        if row.name in self._named:
            self._by_name[row.name], self._names[row.key_id] = self._keys[row.digest], row.name
        if row.old_digest is not None and row.old_expires_at is not None:
            self._keys[row.old_digest] = KnownKey(
                holder, min(expires_at, row.old_expires_at), policy, row.max_in_flight
            )
            self._digests[row.key_id] = (row.digest, row.old_digest)


def counted_as(key_id: str) -> str:
    """What the limits of a key are counted for; no address looks like it."""
    return COUNTED_BEGINNING + key_id


class KeyRing:
    """Whoever follows the keys changes `table` and confirms it. `clock` gives seconds and never goes back."""

    def __init__(
        self,
        clock: Clock,
        secret: str,
        *,
        known_seconds: float,
        without_database: WithoutDatabase,
        named: frozenset[str] = frozenset(),
    ) -> None:
        self._clock, self._secret, self._named = clock, secret, named
        self._known_seconds, self._without_database = known_seconds, without_database
        self.table = self.empty_table()
        self._confirmed_at = -inf
        self._ahead = 0.0  # by how much Postgres's clock is ahead of ours

    def find(self, shown: bytes) -> ShownKey | None:
        """The key that is shown, if it is one and in force. Raises KeysUnavailable."""
        known = self.table.get(digest_of(shown))
        self._require_knowledge()
        return self._in_force(known)

    def find_named(self, name: str) -> ShownKey | None:
        """The key of this name, one of `named`, if it is in force. Raises KeysUnavailable."""
        self._require_knowledge()
        return self._in_force(self.table.get_named(name))

    def empty_table(self) -> KeyTable:
        """One to be filled and put in the place of the present one."""
        return KeyTable(self._named)

    def _in_force(self, known: KnownKey | None) -> ShownKey | None:
        """As the rest of a request's way needs it, unless it has expired."""
        if known is None or known.expires_at <= self.now():
            return None
        if known.shown is None:
            name = None if known.policy is None else counted_as(known.holder.key_id)
            known.shown = ShownKey(known.holder, sealed(known.holder, self._secret), name, known.max_in_flight)
        return known.shown

    def now(self) -> float:
        """Seconds since 1970, by Postgres's clock: the only one that says when a key expires."""
        return self._clock() + self._ahead

    def policy_or(self, default: Policy) -> PolicyOf:
        """By whom a client is judged: its own limits if it is a key that has some, `default` otherwise."""

        def policy_of(client: str) -> Policy:
            if client.startswith(COUNTED_BEGINNING):
                return self.table.policy_of(client) or default
            return default

        return policy_of

    def confirm(self, database_now: float) -> None:
        """Postgres has just said that the table holds, at this time of its clock."""
        self._confirmed_at = self._clock()
        self._ahead = database_now - self._confirmed_at

    def _require_knowledge(self) -> None:
        age = self._clock() - self._confirmed_at
        if age <= self._known_seconds:
            return
        if age == inf or self._without_database is WithoutDatabase.DENY:
            raise KeysUnavailable
