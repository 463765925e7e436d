"""The sliding window: never more than the quota in any window, and no refusal that lasts longer than it says."""

import asyncio
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.limit.failover import LimiterFailover
from gateway.limit.memory import MemoryLimiter
from gateway.limit.remembered_refusals import RememberedRefusals
from gateway.limit.window import SLOTS, Decision, Policy, Source, Window
from gateway.request.route_class import RouteClass
from shared.testing.clock import ManualClock

PREDICT = RouteClass.PREDICT

windows = st.builds(Window, quota=st.integers(1, 40), seconds=st.integers(1, 120))


def policies_of(windows: st.SearchStrategy[Window]) -> st.SearchStrategy[Policy]:
    """Up to three windows, shortest first."""
    several = st.lists(windows, min_size=1, max_size=3, unique_by=lambda window: (window.seconds, window.name))
    return several.map(lambda chosen: Policy(tuple(sorted(chosen, key=lambda window: window.seconds))))


policies = policies_of(windows)
gaps = st.lists(st.floats(0, 30, allow_nan=False).map(lambda seconds: seconds**2 / 30), min_size=1, max_size=300)


def most_within(times: list[float], seconds: float) -> int:
    """The largest number of `times` in any window of that length, its start included and its end not."""
    return max((sum(start <= time < start + seconds for time in times) for start in times), default=0)


def decided(limiter: MemoryLimiter, client: str) -> Decision:
    """Admitted or refused by memory alone."""
    return limiter.decision(client, admitted=limiter.take(client) is not None)


@given(policies, gaps)
def test_no_window_ever_holds_more_than_its_quota(policy: Policy, gaps: list[float]) -> None:
    clock = ManualClock()
    limiter = MemoryLimiter(policy, clock)
    admitted = []
    for gap in gaps:
        clock.advance(gap)
        if limiter.take("client") is not None:
            admitted.append(clock.now)
    for window in policy.windows:
        assert most_within(admitted, window.seconds) <= window.quota


@given(policies, gaps)
def test_a_refused_client_that_waits_as_long_as_it_was_told_is_admitted(policy: Policy, gaps: list[float]) -> None:
    clock = ManualClock()
    limiter = MemoryLimiter(policy, clock)
    for gap in gaps:
        clock.advance(gap)
        decision = decided(limiter, "client")
        if not decision.admitted:
            longest = max(window.seconds for window in policy.windows)
            assert 0 < decision.retry_in_seconds <= longest * (1 + 1 / SLOTS) + 1e-6
            clock.advance(decision.retry_in_seconds + 1e-6)
            assert decided(limiter, "client").admitted


classes = st.sampled_from([None, *RouteClass])
windows_of_classes = st.builds(Window, quota=st.integers(1, 40), seconds=st.integers(1, 120), route_class=classes)
requests = st.lists(st.tuples(gaps.map(lambda gaps: gaps[0]), st.sampled_from(RouteClass)), min_size=1, max_size=200)


@given(policies_of(windows_of_classes), requests)
def test_windows_of_classes_hold_their_quotas_and_who_waits_as_told_is_admitted(
    policy: Policy, requests: list[tuple[float, RouteClass]]
) -> None:
    clock = ManualClock()
    limiter = MemoryLimiter(policy, clock)
    admitted = defaultdict[RouteClass, list[float]](list)
    for gap, route_class in requests:
        clock.advance(gap)
        costs = policy.costs_of(route_class)
        for _ in range(2):  # the second after what it was told to wait
            if limiter.take("client", costs) is not None:
                admitted[route_class].append(clock.now)
                break
            clock.advance(limiter.decision("client", costs, admitted=False).retry_in_seconds + 1e-6)
        else:
            pytest.fail("was told to wait for too short a time")
    for window in policy.windows:
        times = sorted(time for route_class in window.counts for time in admitted[route_class])
        assert most_within(times, window.seconds) <= window.quota


windows_of_rows = st.builds(
    Window, quota=st.integers(1, 40), seconds=st.integers(1, 120), in_rows=st.booleans(), route_class=st.none()
)
batches = st.lists(st.tuples(gaps.map(lambda gaps: gaps[0]), st.integers(1, 50)), min_size=1, max_size=200)


@given(policies_of(windows_of_rows), batches)
def test_no_window_ever_holds_more_rows_than_its_quota_and_a_batch_is_admitted_whole_when_it_was_told(
    policy: Policy, batches: list[tuple[float, int]]
) -> None:
    clock = ManualClock()
    limiter = MemoryLimiter(policy, clock)
    most = min([window.quota for window in policy.windows if window.in_rows], default=50)
    admitted = list[tuple[float, int]]()
    for gap, rows in batches:
        clock.advance(gap)
        costs = policy.costs_of(PREDICT, rows)
        slots = limiter.take("client", costs)
        if slots is None:
            left = limiter.decision("client", policy.costs_of(None), admitted=False).remaining
            assert any(cost > n for cost, n in zip(costs, left, strict=True))
            clock.advance(limiter.decision("client", costs, admitted=False).retry_in_seconds + 1e-6)
            slots = limiter.take("client", costs)
            assert (slots is not None) == (rows <= most)
        if slots is not None:
            admitted.append((clock.now, rows))
    for window in policy.windows:
        times = [time for time, rows in admitted for _ in range(rows if window.in_rows else 1)]
        assert most_within(times, window.seconds) <= window.quota


@given(policies, gaps)
def test_what_is_taken_and_given_back_leaves_no_trace(policy: Policy, gaps: list[float]) -> None:
    clock = ManualClock()
    limiter, untouched = MemoryLimiter(policy, clock), MemoryLimiter(policy, clock)
    for gap in gaps:
        clock.advance(gap)
        slots = limiter.take("client")
        if slots is not None:
            limiter.give_back("client", slots)
        assert limiter.decision("client", admitted=True) == untouched.decision("client", admitted=True)


def test_state_is_of_fixed_size_whatever_the_quota() -> None:
    clock = ManualClock()
    limiter = MemoryLimiter(Policy((Window(1_000_000, 60),)), clock)
    for _ in range(20_000):
        clock.advance(0.01)
        limiter.take("client")
    (window,) = limiter._counted("client").windows
    assert len(window.counts) <= SLOTS + 1


def test_the_least_recent_client_is_forgotten_first() -> None:
    limiter = MemoryLimiter(Policy((Window(1, 60),)), ManualClock(), max_clients=2)
    assert [limiter.take(client) is not None for client in ("a", "b", "a", "c", "a", "b")] == [
        True, True, False, True, False, True,
    ]  # fmt: skip


jumps = st.lists(st.tuples(st.floats(-200_000, 200_000), st.integers(1, 6)), min_size=1, max_size=20)


@given(policies, jumps)
def test_a_clock_that_jumps_never_makes_a_client_wait_longer_than_its_window(
    policy: Policy, jumps: list[tuple[float, int]]
) -> None:
    clock = ManualClock()
    limiter = MemoryLimiter(policy, clock)
    longest = max(window.seconds for window in policy.windows) * (1 + 1 / SLOTS) + 1e-6
    for seconds, requests in jumps:
        clock.advance(seconds)
        for _ in range(requests):
            decision = decided(limiter, "client")
            assert all(wait <= longest for wait in (*decision.more_in_seconds, decision.retry_in_seconds))
        if not decision.admitted:
            clock.advance(decision.retry_in_seconds + 1e-6)
            assert decided(limiter, "client").admitted


def test_a_refusal_from_elsewhere_is_believed_for_a_window_at_most() -> None:
    """Such as one by another clock, or by a row that somebody wrote by hand."""

    class Elsewhere:
        async def decide(self, client: str, route_class: RouteClass | None, rows: int = 1) -> Decision:
            return Decision(False, (0,), (86_461.0,), 86_461.0, Source.POSTGRES, policy)

    clock = ManualClock()
    policy = Policy((Window(1, 60),))
    failover = LimiterFailover(Elsewhere(), MemoryLimiter(policy, clock), RememberedRefusals(clock), clock)
    for _ in range(2):
        assert asyncio.run(failover.decide("client", PREDICT)).retry_in_seconds <= 61
    clock.advance(61)
    assert asyncio.run(failover.decide("client", PREDICT)).source is Source.POSTGRES


arrivals = st.lists(st.tuples(st.floats(0, 90), st.sampled_from("ab")), min_size=1, max_size=60)


@given(policies, policies, arrivals)
def test_clients_with_policies_of_their_own_are_each_decided_as_if_alone(
    one: Policy, other: Policy, arrivals: list[tuple[float, str]]
) -> None:
    clock = ManualClock()
    by_client = {"a": one, "b": other}
    together = MemoryLimiter(one, clock, policy_of=by_client.__getitem__)
    alone = {client: MemoryLimiter(policy, clock) for client, policy in by_client.items()}
    for seconds, client in arrivals:
        clock.advance(seconds)
        assert decided(together, client) == decided(alone[client], client)


@given(policies, policies)
def test_under_another_policy_a_client_begins_anew(one: Policy, other: Policy) -> None:
    holds = [one]
    limiter = MemoryLimiter(one, ManualClock(), policy_of=lambda _: holds[-1])
    while (taken := decided(limiter, "client")).admitted:
        assert taken.policy == one
    holds.append(other)
    first = decided(limiter, "client")
    assert first.admitted is (one != other)
    assert first.policy == other


def test_a_refusal_by_a_policy_that_holds_no_longer_is_forgotten() -> None:
    few, many = Policy((Window(1, 60),)), Policy((Window(5, 60),))
    holds = [few]

    class Elsewhere:
        async def decide(self, client: str, route_class: RouteClass | None, rows: int = 1) -> Decision:
            admitted = holds[-1] is many
            return Decision(admitted, (0,), (60.0,), 0.0 if admitted else 60.0, Source.POSTGRES, holds[-1])

    clock = ManualClock()
    memory = MemoryLimiter(few, clock, policy_of=lambda _: holds[-1])
    failover = LimiterFailover(Elsewhere(), memory, RememberedRefusals(clock), clock)
    sources = [asyncio.run(failover.decide("client", PREDICT)).source for _ in range(2)]
    assert sources == [Source.POSTGRES, Source.REMEMBERED]
    holds.append(many)
    assert asyncio.run(failover.decide("client", PREDICT)).admitted
