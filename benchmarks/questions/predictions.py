"""How many predictions a second, and how long does each wait, beside other model servers?

This stack does more for each: it holds every client to a limit and has every answer on record before it is given.
"""

from collections.abc import Callable

from benchmarks.contest import BUSY, CONNECTIONS, Contest, contests
from benchmarks.contestants import LEXICON, MODEL_SERVERS, STACK
from benchmarks.effort import Effort
from benchmarks.harness.report import Answer, Bar, Plot, Table, bar
from benchmarks.harness.turns import Sample

TITLE = "Predictions beside other model servers"
RATIO, P99_MS = 1.5, 60


def answer(effort: Effort) -> Answer:
    """Throughput and latency over connections, for each model."""
    found = Answer(TITLE)
    for name, contest in contests(effort).items():
        found.tables += [rates(contest, name), latencies(contest, name)]
        found.plots += plots(contest, name)
        found.skipped += [f"{title}, {name}: {why.splitlines()[-1]}" for title, why in contest.skipped.items()]
    found.bars = bars(contests(effort)[LEXICON])
    return found


def bars(contest: Contest) -> list[Bar]:
    """Of issue 6."""
    found = [
        bar(6, f"lexicon over {BUSY} connections: p99", "at most", P99_MS, "ms", contest.p99(STACK)),
        bar(6, "lexicon over all connections: requests not answered well", "at most", 0, "", contest.failed(STACK)),
    ]
    peers = [name for name in MODEL_SERVERS if name in contest.visits]
    if peers:
        fastest = max(peers, key=lambda name: contest.rates(name).middle)
        ratio = contest.rates(STACK).over(contest.rates(fastest))
        what = f"lexicon over {BUSY} connections: predictions/s of the whole stack, to the fastest of {listed(peers)}"
        found.insert(0, bar(6, what, "at least", RATIO, "×", ratio))
    return found


def listed(names: list[str]) -> str:
    """As in a sentence."""
    return " and ".join(", ".join(names).rsplit(", ", 1))


def rates(contest: Contest, model: str) -> Table:
    """Predictions a second."""
    rows: list[list[str | Sample]] = [
        [name, *(contest.rates(name, connections) for connections in CONNECTIONS)] for name in contest.visits
    ]
    return Table(f"{model}: predictions a second", ["connections", *map(str, CONNECTIONS)], rows)


def latencies(contest: Contest, model: str) -> Table:
    """How long callers wait."""
    rows: list[list[str | Sample]] = [
        [
            name,
            *(f"{contest.p50(name, n).middle:.1f} / {contest.p99(name, n).middle:.1f}" for n in CONNECTIONS),
            str(contest.failed(name)),
        ]
        for name in contest.visits
    ]
    columns = ["connections", *map(str, CONNECTIONS), "failed"]
    longest = ", ".join(f"{seconds} s over {connections:,}" for connections, seconds in CONNECTIONS.items())
    note = f"Of answers within the load ({longest} connections); 0: none came."
    return Table(f"{model}: milliseconds until the answer, p50 / p99", columns, rows, note)


def plots(contest: Contest, model: str) -> list[Plot]:
    """The same as lines."""
    figures = {
        "throughput": (f"Predictions a second: {model}", "predictions/s", contest.rates),
        "latency": (f"Latency, p99: {model}", "ms", contest.p99),
    }
    x = [float(connections) for connections in CONNECTIONS]
    return [
        Plot(f"{name}-{model}", title, "connections", unit, x, lines(contest, figure))
        for name, (title, unit, figure) in figures.items()
    ]


def lines(contest: Contest, figure: Callable[[str, int], Sample]) -> dict[str, list[float | None]]:
    """One for each contestant, with a gap where nobody was answered in time."""
    return {name: [figure(name, connections).middle or None for connections in CONNECTIONS] for name in contest.visits}
