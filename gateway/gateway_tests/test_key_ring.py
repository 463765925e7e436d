"""The keys that a gateway knows: found by their digests, until they expire or knowledge is too old."""

import pytest

from gateway.keys.ring import KeyRing, KeyRow, KeysUnavailable, WithoutDatabase
from gateway.keys.text import digest_of, looks_like_key, new_secret
from shared.contracts.rights import Right
from shared.testing.clock import ManualClock

RIGHTS = frozenset({Right.PREDICT})


def row(key_id: str, text: bytes, **more: object) -> KeyRow:
    fields = {"old_digest": None, "old_expires_at": None, "expires_at": None, "is_revoked": False, "revision": 1}
    return KeyRow(key_id=key_id, digest=digest_of(text), rights=RIGHTS, **fields | more)


def make_ring(clock: ManualClock, without_database: WithoutDatabase = WithoutDatabase.LAST) -> KeyRing:
    return KeyRing(clock, "secret", known_seconds=60, without_database=without_database)


def test_a_key_expires_by_the_clock_of_the_database() -> None:
    clock = ManualClock(5.0)
    ring = make_ring(clock)
    ring.table.put(row("a", b"msk_a", expires_at=1010.0, old_digest=digest_of(b"msk_old"), old_expires_at=1005.0))
    ring.confirm(1000.0)
    found = []
    for _ in range(3):
        found.append([ring.find(text) is not None for text in (b"msk_a", b"msk_old")])
        clock.advance(5.0)
    assert found == [[True, True], [True, False], [False, False]]


def test_an_old_secret_does_not_outlive_its_key() -> None:
    clock = ManualClock()
    ring = make_ring(clock)
    ring.table.put(row("a", b"msk_a", expires_at=10.0, old_digest=digest_of(b"msk_old"), old_expires_at=20.0))
    ring.confirm(15.0)
    assert ring.find(b"msk_old") is None


def test_a_change_leaves_nothing_of_what_was_before() -> None:
    ring = make_ring(ManualClock())
    ring.confirm(0.0)
    ring.table.put(row("a", b"msk_1", old_digest=digest_of(b"msk_0"), old_expires_at=100.0))
    ring.table.put(row("a", b"msk_2"))
    assert [ring.find(text) is not None for text in (b"msk_0", b"msk_1", b"msk_2")] == [False, False, True]
    ring.table.put(row("a", b"msk_2", is_revoked=True))
    assert ring.find(b"msk_2") is None
    assert len(ring.table) == 0


@pytest.mark.parametrize("without_database", WithoutDatabase)
def test_knowledge_is_good_for_a_while_without_the_database(without_database: WithoutDatabase) -> None:
    clock = ManualClock()
    ring = make_ring(clock, without_database)
    with pytest.raises(KeysUnavailable):
        ring.find(b"msk_a")
    ring.table.put(row("a", b"msk_a"))
    ring.confirm(0.0)
    clock.advance(60.0)
    assert ring.find(b"msk_a") is not None
    clock.advance(0.1)
    if without_database is WithoutDatabase.LAST:
        assert ring.find(b"msk_a") is not None
    else:
        for text in (b"msk_a", b"msk_unknown"):
            with pytest.raises(KeysUnavailable):
                ring.find(text)
    ring.confirm(70.0)
    assert ring.find(b"msk_a") is not None


def test_new_keys_are_long_differ_and_look_like_keys() -> None:
    secrets = [new_secret() for _ in range(100)]
    assert len({secret.text for secret in secrets}) == 100
    for secret in secrets:
        assert looks_like_key(secret.text.encode())
        assert secret.text.startswith(secret.prefix)
        assert len(secret.text) - len(secret.prefix) >= 32
        assert secret.digest == digest_of(secret.text.encode())
