"""How long from the start of the process to the first prediction?"""

from benchmarks.contest import contests
from benchmarks.contestants import STACK, WITHOUT_GATEWAY
from benchmarks.effort import Effort
from benchmarks.harness.report import Answer, Table
from benchmarks.harness.turns import Sample

TITLE = "Start-up"


def answer(effort: Effort) -> Answer:
    """For each model."""
    held = contests(effort)
    everyone = {name for contest in held.values() for name in contest.visits if name != WITHOUT_GATEWAY}
    rows: list[list[str | Sample]] = [
        [
            name,
            *(
                Sample([visit.start_seconds for visit in contest.visits[name]]) if name in contest.visits else "–"
                for contest in held.values()
            ),
        ]
        for name in sorted(everyone, key=lambda name: (name != STACK, name))
    ]
    note = "This stack starts four services, Postgres and Redis; in the first turn it makes and migrates its database."
    return Answer(TITLE, tables=[Table("Seconds until the first prediction", ["", *held], rows, note)])
