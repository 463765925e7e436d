"""How much memory at rest, and how much under load?"""

from benchmarks.comparison import Comparison, comparisons
from benchmarks.harness.report import Result, Table, bar
from benchmarks.harness.turns import Sample
from benchmarks.options import Options
from benchmarks.targets import LEXICON, STACK, WITHOUT_GATEWAY

TITLE = "Memory"
SERVICE, SERVICE_MIB = "prediction-service", 150


def run(options: Options) -> Result:
    """For each model."""
    found = comparisons(options)
    resident = Sample([run.under_load[SERVICE].resident_mebibytes for run in found[LEXICON].runs[STACK]])
    what = f"memory of the {SERVICE} with the lexicon, under load"
    bars = [bar("predictions", what, "at most", SERVICE_MIB, "MiB", resident)]
    return Result(TITLE, bars, tables=[table(comparison, name) for name, comparison in found.items()])


def table(comparison: Comparison, model: str) -> Table:
    """This stack by process, the peers in one line each."""
    rows: list[list[str | Sample]] = []
    for name, runs in comparison.runs.items():
        if name == WITHOUT_GATEWAY:
            continue
        rows.append([name, *(Sample(sizes) for sizes in zip(*(run.mebibytes for run in runs), strict=True))])
        roles = runs[0].under_load if name == STACK else ()
        for role in sorted(roles):
            at_rest = Sample([run.at_rest[role].mebibytes for run in runs])
            under_load = Sample([run.under_load[role].mebibytes for run in runs])
            rows.append([f"… {role}", at_rest, under_load])
    note = "All processes of each; what several share counts in parts (PSS). Under load: after 1,000 connections."
    return Table(f"{model}: MiB", ["", "at rest", "under load"], rows, note)
