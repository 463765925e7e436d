"""What does each hop cost? Processor time of a prediction, by process, while 64 connections ask."""

from benchmarks.contest import BUSY, Contest, contests
from benchmarks.contestants import STACK, WITHOUT_GATEWAY
from benchmarks.effort import Effort
from benchmarks.harness.report import Answer, Table
from benchmarks.harness.turns import Sample

TITLE = "Processor time of a prediction"


def answer(effort: Effort) -> Answer:
    """For each model."""
    return Answer(TITLE, tables=[table(contest, name) for name, contest in contests(effort).items()])


def table(contest: Contest, model: str) -> Table:
    """This stack by process, the peers in one line each."""
    rows: list[list[str | Sample]] = []
    for name, visits in contest.visits.items():
        ours = name in (STACK, WITHOUT_GATEWAY)
        roles = sorted({role for visit in visits for role in visit.microseconds}) if ours else []
        parts = {role: Sample([visit.microseconds.get(role, 0.0) for visit in visits]) for role in roles}
        rows.append([name, Sample([sum(visit.microseconds.values()) for visit in visits])])
        rows += [[f"… {role}", part] for role, part in parts.items() if part.middle >= 1]
    note = f"User and system time of all processes over a load of {BUSY} connections, by its requests; wrk left out."
    return Table(f"{model}: microseconds of processor time a prediction", ["", "µs"], rows, note)
