"""How much memory at rest, and how much under load?"""

from benchmarks.contest import Contest, contests
from benchmarks.contestants import LEXICON, STACK, WITHOUT_GATEWAY
from benchmarks.effort import Effort
from benchmarks.harness.report import Answer, Table, bar
from benchmarks.harness.turns import Sample

TITLE = "Memory"
SERVICE, SERVICE_MIB = "prediction-service", 150


def answer(effort: Effort) -> Answer:
    """For each model."""
    held = contests(effort)
    resident = Sample([visit.under_load[SERVICE].resident_mebibytes for visit in held[LEXICON].visits[STACK]])
    what = f"memory of the {SERVICE} with the lexicon, under load"
    bars = [bar(6, what, "at most", SERVICE_MIB, "MiB", resident)]
    return Answer(TITLE, bars, tables=[table(contest, name) for name, contest in held.items()])


def table(contest: Contest, model: str) -> Table:
    """This stack by process, the peers in one line each."""
    rows: list[list[str | Sample]] = []
    for name, visits in contest.visits.items():
        if name == WITHOUT_GATEWAY:
            continue
        rows.append([name, *(Sample(sizes) for sizes in zip(*(visit.mebibytes for visit in visits), strict=True))])
        roles = visits[0].under_load if name == STACK else ()
        for role in sorted(roles):
            at_rest = Sample([visit.at_rest[role].mebibytes for visit in visits])
            under_load = Sample([visit.under_load[role].mebibytes for visit in visits])
            rows.append([f"… {role}", at_rest, under_load])
    note = "All processes of each; what several share counts in parts (PSS). Under load: after 1,000 connections."
    return Table(f"{model}: MiB", ["", "at rest", "under load"], rows, note)
