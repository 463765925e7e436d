"""The contest of model servers: everyone is started, looked at, loaded and ended, one after the other, turn by turn.

Nobody else runs meanwhile. Four questions share what is seen here: throughput, hops, start-up and memory.
"""

from collections import defaultdict
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache

from benchmarks.contestants import LEXICON, PEERS, STACK, Running, ServedModel, our_stack, served_model
from benchmarks.effort import Effort
from benchmarks.harness.environments import NotInstalledError
from benchmarks.harness.load import Load, wrk
from benchmarks.harness.servers import Usage
from benchmarks.harness.turns import Sample, in_turns

CONNECTIONS = {1: 1, 16: 1, 64: 4, 256: 2, 1000: 5}
"""Over how many, and for how many seconds: longer than all of them have to wait for each other."""
BUSY = 64
"""At so many the bars are judged and the processes are looked at."""
WARM_UP_SECONDS = 1
ONNX_TURNS = 2


@dataclass
class Visit:
    """What one turn of one contestant showed."""

    start_seconds: float
    at_rest: dict[str, Usage]
    under_load: dict[str, Usage] = field(default_factory=dict)
    loads: dict[int, Load] = field(default_factory=dict)
    microseconds: dict[str, float] = field(default_factory=dict)
    """Processor time of each request, by role."""

    @property
    def mebibytes(self) -> tuple[float, float]:
        """Of everything, at rest and under load."""
        return total(self.at_rest), total(self.under_load)


def total(usage: dict[str, Usage]) -> float:
    """MiB of all roles."""
    return sum(used.mebibytes for used in usage.values())


@dataclass
class Contest:
    """All visits with one model."""

    model: ServedModel
    visits: dict[str, list[Visit]]
    skipped: dict[str, str]

    def rates(self, name: str, connections: int = BUSY) -> Sample:
        """Answers a second, turn by turn."""
        return Sample([visit.loads[connections].rate for visit in self.visits[name]])

    def p50(self, name: str, connections: int = BUSY) -> Sample:
        """Milliseconds."""
        return Sample([visit.loads[connections].p50_ms for visit in self.visits[name]])

    def p99(self, name: str, connections: int = BUSY) -> Sample:
        """Milliseconds."""
        return Sample([visit.loads[connections].p99_ms for visit in self.visits[name]])

    def failed(self, name: str) -> int:
        """Requests without a good answer, over all turns and connections."""
        return sum(load.failed for visit in self.visits[name] for load in visit.loads.values())


@cache
def contests(effort: Effort) -> dict[str, Contest]:
    """With the lexicon, and with an ONNX model."""
    return {
        LEXICON: hold(effort, LEXICON, effort.turns),
        effort.model: hold(effort, effort.model, min(effort.turns, ONNX_TURNS)),
    }


def hold(effort: Effort, model_name: str, turns: int) -> Contest:
    """One contest."""
    folder = effort.folder / f"contest-{model_name}"
    folder.mkdir(mode=0o755)
    model = served_model(model_name, folder / "models")
    contest = Contest(model, defaultdict(list), {})
    starts = {STACK: our_stack, **{peer.title: peer.start for peer in PEERS}}
    for name in in_turns(starts, turns):
        if name in contest.skipped:
            continue
        print(f"  {model_name}: {name}", flush=True)
        try:
            for entrance, visit in visits(starts[name](model, folder), effort).items():
                contest.visits[entrance].append(visit)
        except (NotInstalledError, RuntimeError) as error:
            contest.skipped[name] = str(error)
            contest.visits.pop(name, None)
    return contest


def visits(start: AbstractContextManager[Running], effort: Effort) -> dict[str, Visit]:
    """One turn; a visit for each entrance."""
    found = {}
    with start as running:
        at_rest = running.server.usage()
        for name, entrance in running.entrances.items():
            visit = found[name] = Visit(running.server.start_seconds, at_rest)
            wrk(entrance.url, BUSY, effort.of(WARM_UP_SECONDS), entrance.body)
            for connections, seconds in CONNECTIONS.items():
                before = running.server.usage()
                load = visit.loads[connections] = wrk(entrance.url, connections, effort.of(seconds), entrance.body)
                visit.under_load = running.server.usage()
                if connections == BUSY:
                    visit.microseconds = per_request(before, visit.under_load, load.requests)
    return found


def per_request(before: dict[str, Usage], after: dict[str, Usage], requests: int) -> dict[str, float]:
    """Microseconds of processor time by role."""
    return {
        role: (used.processor_seconds - before.get(role, Usage()).processor_seconds) / max(requests, 1) * 1e6
        for role, used in after.items()
    }
