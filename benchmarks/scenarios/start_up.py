"""How long from the start of the process to the first prediction?"""

from benchmarks.comparison import comparisons
from benchmarks.harness.report import Result, Table
from benchmarks.harness.turns import Sample
from benchmarks.options import Options
from benchmarks.targets import STACK, WITHOUT_GATEWAY

TITLE = "Start-up"


def run(options: Options) -> Result:
    """For each model."""
    found = comparisons(options)
    everyone = {name for comparison in found.values() for name in comparison.runs if name != WITHOUT_GATEWAY}
    rows: list[list[str | Sample]] = [
        [
            name,
            *(
                Sample([run.start_seconds for run in comparison.runs[name]]) if name in comparison.runs else "–"
                for comparison in found.values()
            ),
        ]
        for name in sorted(everyone, key=lambda name: (name != STACK, name))
    ]
    note = "This stack starts four services, Postgres and Redis; in the first turn it makes and migrates its database."
    return Result(TITLE, tables=[Table("Seconds until the first prediction", ["", *found], rows, note)])
