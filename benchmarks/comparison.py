"""The comparison of model servers: everyone is started, looked at, loaded and ended, one after the other, turn by turn.

Nobody else runs meanwhile. Three scenarios share what is seen here: rates, start-up and memory.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from benchmarks.harness.environments import NotInstalledError
from benchmarks.harness.load import Load, wrk
from benchmarks.harness.servers import Usage
from benchmarks.harness.turns import Sample, in_turns
from benchmarks.options import Options
from benchmarks.targets import LEXICON, PEERS, STACK, Running, ServedModel, our_stack, served_model

CONNECTIONS = {1: 1, 16: 1, 64: 4, 256: 2, 1000: 5}
"""Over how many, and for how many seconds: longer than all of them have to wait for each other."""
BUSY = 64
"""At so many the bars are judged."""
WARM_UP_SECONDS = 1
ONNX_TURNS = 2


@dataclass
class Run:
    """What one turn of one target showed."""

    start_seconds: float
    at_rest: dict[str, Usage]
    under_load: dict[str, Usage] = field(default_factory=dict)
    loads: dict[int, Load] = field(default_factory=dict)

    @property
    def mebibytes(self) -> tuple[float, float]:
        """Of everything, at rest and under load."""
        return total(self.at_rest), total(self.under_load)


def total(usage: dict[str, Usage]) -> float:
    """MiB of all roles."""
    return sum(used.mebibytes for used in usage.values())


@dataclass
class Comparison:
    """All runs with one model."""

    model: ServedModel
    runs: dict[str, list[Run]]
    skipped: dict[str, str]

    def rates(self, name: str, connections: int = BUSY) -> Sample:
        """Answers a second, turn by turn."""
        return Sample([run.loads[connections].rate for run in self.runs[name]])

    def p50(self, name: str, connections: int = BUSY) -> Sample:
        """Milliseconds."""
        return Sample([run.loads[connections].p50_ms for run in self.runs[name]])

    def p99(self, name: str, connections: int = BUSY) -> Sample:
        """Milliseconds."""
        return Sample([run.loads[connections].p99_ms for run in self.runs[name]])

    def failed(self, name: str) -> int:
        """Requests without a good answer, over all turns and connections."""
        return sum(load.failed for run in self.runs[name] for load in run.loads.values())


Start = Callable[[ServedModel, Path], AbstractContextManager[Running]]
"""Starts a target with a model, in a folder."""

Look = Callable[[Running], dict[str, Run]]
"""What is seen of a target on its turn, by entrance. Raises RuntimeError when it does not do what it should."""


@cache
def comparisons(options: Options) -> dict[str, Comparison]:
    """With the lexicon, and with an ONNX model."""
    return {
        LEXICON: of_texts(options, LEXICON, options.turns),
        options.model: of_texts(options, options.model, min(options.turns, ONNX_TURNS)),
    }


def of_texts(options: Options, model_name: str, turns: int) -> Comparison:
    """One comparison."""
    folder = options.folder / f"comparison-{model_name}"
    folder.mkdir(mode=0o755)
    starts = {STACK: our_stack, **{peer.title: peer.start for peer in PEERS}}
    return compare(served_model(model_name, folder / "models"), starts, folder, turns, partial(runs, options))


def compare(model: ServedModel, starts: Mapping[str, Start], folder: Path, turns: int, look: Look) -> Comparison:
    """All targets in turns, each looked at while it runs."""
    comparison = Comparison(model, defaultdict(list), {})
    for name in in_turns(starts, turns):
        if name in comparison.skipped:
            continue
        print(f"  {model.name}: {name}", flush=True)
        try:
            with starts[name](model, folder) as running:
                for entrance, run in look(running).items():
                    comparison.runs[entrance].append(run)
        except (NotInstalledError, RuntimeError) as error:
            comparison.skipped[name] = str(error)
            comparison.runs.pop(name, None)
    return comparison


def runs(options: Options, running: Running, connections: Mapping[int, int] = CONNECTIONS) -> dict[str, Run]:
    """One turn; a run for each entrance."""
    found = {}
    at_rest = running.server.usage()
    for name, entrance in running.entrances.items():
        run = found[name] = Run(running.server.start_seconds, at_rest)
        wrk(entrance.url, BUSY, options.of(WARM_UP_SECONDS), entrance.body)
        for callers, seconds in connections.items():
            run.loads[callers] = wrk(entrance.url, callers, options.of(seconds), entrance.body)
        run.under_load = running.server.usage()
    return found
