"""A primary that is killed under load and a standby that takes its place, twice: there and back again.

With synchronous replication, as here, nothing that was answered is lost. With asynchronous replication Postgres loses
what it had not yet sent to the standby, and so do we: see docs/stores.md.
"""

import asyncio
import itertools
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Self

import httpx
import pytest

from shared.processes.waiting import wait_until
from shared.testing.admin import ADMIN
from shared.testing.pgbouncer import PgBouncer
from shared.testing.postgres import TEMPLATE
from shared.testing.replication import Pair
from tests.callers import Callers
from tests.receiver import Receiver
from tests.record import assert_record_is_true
from tests.services import MODEL, Services

RIGHT_AGAIN_SECONDS = 5.0


class Askers:
    """`with` they read and write metrics all the time; `statuses` counts what they were answered."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.without_retry_after = 0
        self.last: dict[str, int] = {}
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._ask, args=(name,), daemon=True) for name in ("read", "write")]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, name: str) -> None:
        values = itertools.cycle([210, 220])
        with httpx.Client(base_url=self.url, timeout=30, headers=ADMIN) as client:
            while not self._stopped.is_set():
                if name == "read":
                    answer = client.post("/metrics/aggregated", json={})
                else:
                    answer = client.put("/metrics/thresholds", json={"max_inference_time_warning_ms": next(values)})
                self.statuses[name, answer.status_code] += 1
                if answer.status_code == 503 and "retry-after" not in answer.headers:
                    self.without_retry_after += 1
                self.last[name] = answer.status_code
                time.sleep(0.02)

    def are_answered(self) -> bool:
        """Whether the last answer of each was a good one."""
        return set(self.last.values()) == {200}


@pytest.fixture
def pair(tmp_path: Path):
    pair = Pair(tmp_path)
    yield pair
    pair.stop()


@pytest.fixture
def pgbouncer(pair: Pair, tmp_path: Path):
    pgbouncer = PgBouncer(pair.primary, tmp_path)
    pgbouncer.start()
    yield pgbouncer
    pgbouncer.stop()


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.parametrize("through_pgbouncer", [False, True])
def test_a_failover_under_load_loses_and_doubles_nothing_and_is_over_in_seconds(
    pair: Pair, tmp_path: Path, through_pgbouncer: bool, request: pytest.FixtureRequest
) -> None:
    pgbouncer = request.getfixturevalue("pgbouncer") if through_pgbouncer else None
    url_of = partial(pgbouncer.url, database=TEMPLATE) if pgbouncer else pair.url
    with Receiver() as receiver:
        alerts = {"ALERT_INTERVAL": "0.2", "ALERT_WEBHOOKS": receiver.url, "ALERT_COOLDOWN": "0"}
        with (
            Services(tmp_path, url_of, **alerts) as services,
            httpx.Client(base_url=services.url, timeout=30) as client,
        ):
            with Callers(services.url, MODEL) as callers, Askers(services.url) as askers:
                callers.until_answered(100)
                for threshold in (0.999, 0.01):
                    came = len(receiver.events)
                    receiver.gate.clear()  # the receiver has the event, but nobody can note that down
                    change = {"min_confidence_warning": threshold, "min_confidence_critical": 0.0}
                    assert client.put("/metrics/thresholds", json=change, headers=ADMIN).status_code == 200
                    wait_until(lambda came=came: len(receiver.events) > came, "an alert to be sent")
                    asyncio.run(pair.fail_over())
                    if pgbouncer:
                        pgbouncer.point_to(pair.primary)
                    writable = time.monotonic()
                    receiver.gate.set()
                    wait_until(lambda: askers.are_answered() and services.are_well(), "all to be well")
                    took = time.monotonic() - writable
                    print(f"right again {took:.2f} s after the standby took writes")
                    assert took < RIGHT_AGAIN_SECONDS
                    callers.until_answered(100)
                    pair.rebuild_standby()
                    wait_until(services.are_well, "all to be well")
            assert callers.unexpected == []
            assert set(callers.refusals) <= {503}
            assert {status for _, status in askers.statuses} <= {200, 503}
            assert askers.without_retry_after == 0
            asyncio.run(assert_record_is_true(pair.url("postgres"), callers.done))
            assert len(receiver.events) == len({event_id for event_id, _, _ in receiver.events}), "each event once"
            assert [kind for _, kind, _ in receiver.events] == ["alert.opened", "alert.closed"]
            assert "Traceback" not in services.log()
