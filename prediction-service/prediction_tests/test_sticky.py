"""A candidate's share is exact in the long run, of the same callers always, and grows by further ones alone."""

import random
from datetime import UTC, datetime, timedelta
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_service.rollouts.sticky import Share
from shared.contracts.rollouts import Rollout, RolloutMode
from shared.http.request_id import current_request_id

BEGAN = datetime(2026, 11, 27, 12, 0, 0, 123456, tzinfo=UTC)


def share(percent: float, sticky: str = "caller", **other: object) -> Share:
    policy = {
        "model_name": "sentiment", "mode": RolloutMode.CANARY, "stable_version": "1.0.0", "candidate_version": "2.0.0",
        "started_at": BEGAN, "share": percent, "sticky": sticky,
    }  # fmt: skip
    return Share(Rollout.model_validate(policy | other))


def test_the_hash_is_the_same_in_every_release_and_zone() -> None:
    """Callers would change sides with an upgrade otherwise; the numbers are `b2sum -l 64` of the seed and the key."""
    assert share(1).position("203.0.113.9") == pytest.approx(0x600871D06F535BD7 / 2**64, abs=0)
    elsewhere = share(1, started_at=BEGAN.astimezone().isoformat())
    assert elsewhere.position("203.0.113.9") == share(1).position("203.0.113.9")


@pytest.mark.parametrize("percent", [0.1, 1, 10, 33.3, 50, 99])
def test_of_many_callers_the_share_is_as_a_binomial_has_it(percent: float) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng, callers = random.Random(seed), 100_000
    chosen = share(percent)
    inside = sum(chosen.has({"x-caller": str(rng.getrandbits(64))}) for _ in range(callers))
    expected = callers * percent / 100
    assert abs(inside - expected) < 5.5 * sqrt(expected * (1 - percent / 100)), "once in 25 million runs by chance"


@given(st.text(max_size=50), st.floats(0, 100), st.floats(0, 100))
def test_a_share_that_grows_keeps_whoever_was_in_it(key: str, one: float, other: float) -> None:
    smaller, larger = sorted((one, other))
    headers = {"x-caller": key or "somebody"}
    assert not share(smaller).has(headers) or share(larger).has(headers)


def test_nobody_and_everybody() -> None:
    keys = [{"x-caller": str(number)} for number in range(1000)]
    assert not any(share(0).has(key) for key in keys)
    assert all(share(100).has(key) for key in keys)


def test_another_rollout_begins_with_other_callers() -> None:
    keys = [{"x-caller": str(number)} for number in range(10_000)]
    first, later = share(10), share(10, started_at=BEGAN + timedelta(microseconds=1))
    other = share(10, model_name="another")
    for others in (later, other):
        in_both = sum(first.has(key) and others.has(key) for key in keys)
        assert 50 < in_both < 150, "one in a hundred, and not one in ten"


def test_a_header_decides_where_it_is_sent_and_the_caller_where_not() -> None:
    chosen = share(50, "header:X-User")
    of_user = {chosen.has({"x-user": "ayse", "x-caller": str(number)}) for number in range(100)}
    assert len(of_user) == 1
    assert chosen.key_of({"x-user": "", "x-caller": "203.0.113.9"}) == "203.0.113.9"
    assert chosen.key_of({"x-caller": "203.0.113.9"}) == "203.0.113.9"


def test_in_the_shadow_each_request_counts_by_itself_also_of_one_caller() -> None:
    """What a share of callers would be where one service asks for all users: all or nothing."""
    for sticky in ("caller", "header:X-User"):
        requests, alone = 10_000, {"x-caller": "203.0.113.9"}
        shadow, canary = share(20, sticky, mode=RolloutMode.SHADOW), share(20, sticky)
        inside, of_one_user, in_canary = 0, set(), set()
        for number in range(requests):
            current_request_id.set(f"request-{number}")
            inside += shadow.has(alone)
            in_canary.add(canary.has(alone))
            of_one_user.add(shadow.has(alone | {"x-user": "ayse"}))
        assert abs(inside - 2000) < 5.5 * sqrt(1600)
        assert len(in_canary) == 1
        assert len(of_one_user) == (2 if sticky == "caller" else 1)
