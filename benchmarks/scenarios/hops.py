"""What does each hop cost? Processor time of a prediction, by process, while 64 connections ask."""

from benchmarks.comparison import BUSY, Comparison, comparisons
from benchmarks.harness.report import Result, Table
from benchmarks.harness.turns import Sample
from benchmarks.options import Options
from benchmarks.targets import STACK, WITHOUT_GATEWAY

TITLE = "Processor time of a prediction"


def run(options: Options) -> Result:
    """For each model."""
    return Result(TITLE, tables=[table(comparison, name) for name, comparison in comparisons(options).items()])


def table(comparison: Comparison, model: str) -> Table:
    """This stack by process, the peers in one line each."""
    rows: list[list[str | Sample]] = []
    for name, runs in comparison.runs.items():
        ours = name in (STACK, WITHOUT_GATEWAY)
        roles = sorted({role for run in runs for role in run.microseconds}) if ours else []
        parts = {role: Sample([run.microseconds.get(role, 0.0) for run in runs]) for role in roles}
        rows.append([name, Sample([sum(run.microseconds.values()) for run in runs])])
        rows += [[f"… {role}", part] for role, part in parts.items() if part.middle >= 1]
    note = f"User and system time of all processes over a load of {BUSY} connections, by its requests; wrk left out."
    return Table(f"{model}: microseconds of processor time a prediction", ["", "µs"], rows, note)
