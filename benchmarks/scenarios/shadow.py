"""What does a shadow of all requests cost the callers of the stable version? Their median time, to that without one.

The candidate is the same model once more. One service, whose policy changes from turn to turn; a turn begins when
nothing is left to compute of the one before.
"""

import shutil
import time
from functools import partial

import httpx
import psutil

from benchmarks.harness.load import wrk
from benchmarks.harness.report import Result, Table, bar
from benchmarks.harness.servers import seconds_of_all
from benchmarks.harness.turns import Sample, alternate
from benchmarks.options import Options
from benchmarks.scenarios.batching import service
from benchmarks.scenarios.streams import port_of, process_at
from benchmarks.targets import LEXICON, OUR_BODY, served_model
from shared.processes.waiting import wait_until

TITLE = "A shadow of all requests"
CONNECTIONS = (8, 64)
SECONDS = 3
MOST = 1.05
CANDIDATE = "99.0.0"
"""A version that no shipped model has."""

REST_SECONDS, REST_SHARE, PATIENCE_SECONDS = 0.5, 0.1, 60


def run(options: Options) -> Result:
    """For each model: the share of the time that a shadow adds."""
    found = Result(TITLE)
    for name in dict.fromkeys((LEXICON, options.model)):
        compare(name, options, found)
    return found


def compare(name: str, options: Options, found: Result) -> None:
    """One model, over a few connections and over many."""
    folder = options.folder / f"shadow-{name}"
    folder.mkdir(mode=0o755)
    served = served_model(name, folder / "models")
    shutil.copytree(served.folder, served.folder.with_name(CANDIDATE))
    with service(folder, served) as url:
        policies = Policies(url, name, served.version)
        for connections in CONNECTIONS:
            load = {
                title: partial(under_load, policies, policy, url, connections, options.of(SECONDS))
                for title, policy in policies.known.items()
            }
            turns = alternate(load, options.short_turns)
            times, costs = ({title: Sample([turn[of] for turn in turns[title]]) for title in turns} for of in (0, 1))
            what = f"{name} over {connections} connections: p50 with a shadow of all requests, to without"
            found.bars.append(bar("predictions", what, "at most", MOST, "×", times["shadow"].over(times["pinned"])))
            rows: list[list[str | Sample]] = [
                [title, times[policy], costs[policy]]
                for title, policy in (("without a shadow", "pinned"), ("with one", "shadow"))
            ]
            columns = ["", "p50, ms", "processor time of the service for an answer, µs"]
            found.tables.append(Table(f"{name} over {connections} connections", columns, rows))


class Policies:
    """Changes the policy of a model that has a candidate."""

    def __init__(self, url: str, name: str, stable: str) -> None:
        self.process, self._revision = process_at(port_of(url)), 0
        self._rollout = f"http://127.0.0.1:{port_of(url)}/models/{name}/rollout"
        pinned: dict[str, object] = {"mode": "pinned", "stable_version": stable}
        shadow = pinned | {"mode": "shadow", "candidate_version": CANDIDATE, "share": 100}
        self.known = {"pinned": pinned, "shadow": shadow}
        models = f"http://127.0.0.1:{port_of(url)}/models"

        def are_loaded() -> bool:
            loaded = {model["version"] for model in httpx.get(models, timeout=30).json()["models"]}
            return loaded == {stable, CANDIDATE}

        wait_until(are_loaded, "both versions to be loaded", lambda: None, PATIENCE_SECONDS)

    def put(self, policy: dict[str, object]) -> None:
        """Returns when it is in force, and what came before is computed or dropped."""
        headers = {"Authorization": "Bearer of-the-benchmarks"}
        body = policy | {"revision": self._revision, "reason": "a turn"}
        answer = httpx.put(self._rollout, json=body, headers=headers, timeout=30).raise_for_status()
        self._revision = answer.json()["revision"]
        self._wait_for_rest()

    def _wait_for_rest(self) -> None:
        """Until the service has nothing to do."""
        wait_until(
            lambda: share_of_a_processor(self.process) < REST_SHARE,
            "the service to rest",
            lambda: None,
            PATIENCE_SECONDS,
        )


def share_of_a_processor(process: psutil.Process) -> float:
    """That a process takes while it is watched."""
    before = seconds_of_all(process)
    time.sleep(REST_SECONDS)
    return (seconds_of_all(process) - before) / REST_SECONDS


def under_load(
    policies: Policies, policy: dict[str, object], url: str, connections: int, seconds: float
) -> tuple[float, float]:
    """With a policy in force: the median time in milliseconds, and microseconds of processor time for an answer."""
    policies.put(policy)
    before = seconds_of_all(policies.process)
    load = wrk(url, connections, seconds, OUR_BODY)
    if load.failed:
        raise RuntimeError(f"{load.failed} requests failed")
    return load.p50_ms, (seconds_of_all(policies.process) - before) * 1e6 / load.requests
