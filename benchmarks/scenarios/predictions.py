"""How many predictions a second, and how long does each wait, beside other model servers?

This stack does more for each: it holds every client to a limit and has every answer on record before it is given.
"""

from collections.abc import Callable, Mapping

from benchmarks.comparison import BUSY, CONNECTIONS, Comparison, comparisons
from benchmarks.harness.report import Bar, Plot, Result, Table, bar
from benchmarks.harness.turns import Sample
from benchmarks.options import Options
from benchmarks.targets import LEXICON, MODEL_SERVERS, STACK

TITLE = "Predictions beside other model servers"
RATIO, P99_MS = 1.5, 60
FAILED = "lexicon over all connections: requests not answered well"


def run(options: Options) -> Result:
    """Throughput and latency over connections, for each model."""
    found = Result(TITLE)
    for name, comparison in comparisons(options).items():
        found.tables += [rates(comparison, name), latencies(comparison, name)]
        found.plots += plots(comparison, name)
        found.skipped += [f"{title}, {name}: {why.splitlines()[-1]}" for title, why in comparison.skipped.items()]
    found.bars = bars(comparisons(options)[LEXICON])
    return found


def bars(comparison: Comparison) -> list[Bar]:
    """Of the predictions."""
    found = [
        bar("predictions", f"lexicon over {BUSY} connections: p99", "at most", P99_MS, "ms", comparison.p99(STACK)),
        bar("predictions", FAILED, "at most", 0, "", comparison.failed(STACK)),
    ]
    peers = [name for name in MODEL_SERVERS if name in comparison.runs]
    if peers:
        fastest = max(peers, key=lambda name: comparison.rates(name).middle)
        ratio = comparison.rates(STACK).over(comparison.rates(fastest))
        what = f"lexicon over {BUSY} connections: predictions/s of the whole stack, to the fastest of {listed(peers)}"
        found.insert(0, bar("predictions", what, "at least", RATIO, "×", ratio))
    return found


def listed(names: list[str]) -> str:
    """As in a sentence."""
    return " and ".join(", ".join(names).rsplit(", ", 1))


def rates(comparison: Comparison, model: str, loads: Mapping[int, int] = CONNECTIONS) -> Table:
    """Predictions a second."""
    rows: list[list[str | Sample]] = [
        [name, *(comparison.rates(name, connections) for connections in loads)] for name in comparison.runs
    ]
    return Table(f"{model}: predictions a second", ["connections", *map(str, loads)], rows)


def latencies(comparison: Comparison, model: str, loads: Mapping[int, int] = CONNECTIONS) -> Table:
    """How long callers wait."""
    rows: list[list[str | Sample]] = [
        [
            name,
            *(f"{comparison.p50(name, n).middle:.1f} / {comparison.p99(name, n).middle:.1f}" for n in loads),
            str(comparison.failed(name)),
        ]
        for name in comparison.runs
    ]
    columns = ["connections", *map(str, loads), "failed"]
    longest = ", ".join(f"{seconds} s over {connections:,}" for connections, seconds in loads.items())
    note = f"Of answers within the load ({longest} connections); 0: none came."
    return Table(f"{model}: milliseconds until the answer, p50 / p99", columns, rows, note)


def plots(comparison: Comparison, model: str) -> list[Plot]:
    """The same as lines."""
    figures = {
        "throughput": (f"Predictions a second: {model}", "predictions/s", comparison.rates),
        "latency": (f"Latency, p99: {model}", "ms", comparison.p99),
    }
    x = [float(connections) for connections in CONNECTIONS]
    return [
        Plot(f"{name}-{model}", title, "connections", unit, x, lines(comparison, figure))
        for name, (title, unit, figure) in figures.items()
    ]


def lines(comparison: Comparison, figure: Callable[[str, int], Sample]) -> dict[str, list[float | None]]:
    """One for each target, with a gap where nobody was answered in time."""
    return {name: [figure(name, connections).middle or None for connections in CONNECTIONS] for name in comparison.runs}
