"""What no labelled set asks: who is meant, constructions, what cannot be read; of any judge, as tables."""

from collections.abc import Iterator, Sequence

from prediction_tests import fairness
from prediction_tests.construction_sentences import CONSTRUCTIONS, UNREADABLE
from training.judges import Judge
from training.labels import LABELS

CLAIMED = 0.4
"""A confidence that claims something."""

FAIRNESS_HEAD = """\
| who is meant | model | forms with more labels | neutral sentences negative by it | largest gap | mean gap |
|---|---|--:|--:|--:|--:|
"""
CONSTRUCTIONS_HEAD = "| construction | sentences | {models} |\n|---|--:|{lines}\n"
UNREADABLE_HEAD = """\
| cannot be read | texts | model | called negative | confidence of 0.4 or more | highest |
|---|--:|---|--:|--:|--:|
"""


def markdown(judges: Sequence[Judge]) -> str:
    """All three tables."""
    return "\n".join((fairness_table(judges), constructions_table(judges), unreadable_table(judges)))


def fairness_table(judges: Sequence[Judge]) -> str:
    """Names and terms; see `prediction_tests.fairness`."""
    rows = [
        f"| {part}, {len(terms)} by {sum(map(len, forms.values()))} | {judge.name} "
        f"| {sum(not form.one_label for form in found)} | {sum(form.negative_by_term for form in found)} "
        f"| {max(form.gap for form in found):.2f} | {sum(form.gap for form in found) / len(found):.3f} |\n"
        for part, forms, terms in fairness.parts()
        for judge in judges
        for found in [fairness.measured(scores_of(judge), forms, terms)]
    ]
    return FAIRNESS_HEAD + "".join(rows)


def constructions_table(judges: Sequence[Judge]) -> str:
    """Right answers by kind."""
    head = CONSTRUCTIONS_HEAD.format(models=" | ".join(judge.name for judge in judges), lines="--:|" * len(judges))
    counts = {kind: [sum(right(judge, cases)) for judge in judges] for kind, cases in CONSTRUCTIONS.items()}
    rows = [row(kind, len(CONSTRUCTIONS[kind]), found) for kind, found in counts.items()]
    every = [sum(found) for found in zip(*counts.values(), strict=True)]
    return head + "".join(rows) + row("**all**", sum(map(len, CONSTRUCTIONS.values())), every)


def row(kind: str, count: int, found: Sequence[int]) -> str:
    """One line."""
    return f"| {kind} | {count} | {' | '.join(map(str, found))} |\n"


def right(judge: Judge, cases: Sequence[tuple[str, str]]) -> Iterator[bool]:
    """Case by case."""
    for text, expected in cases:
        scores = judge.probabilities(text)
        yield LABELS[max(range(len(LABELS)), key=scores.__getitem__)] == expected


def unreadable_table(judges: Sequence[Judge]) -> str:
    """What is claimed about what says nothing to a reader of English."""
    rows = []
    for kind, texts in UNREADABLE.items():
        for judge in judges:
            said = [judge.probabilities(text) for text in texts]
            negative = sum(max(range(len(LABELS)), key=scores.__getitem__) == 0 for scores in said)
            claimed = sum(max(scores) >= CLAIMED for scores in said)
            highest = max(map(max, said))
            rows.append(f"| {kind} | {len(texts)} | {judge.name} | {negative} | {claimed} | {highest:.2f} |\n")
    return UNREADABLE_HEAD + "".join(rows)


def scores_of(judge: Judge) -> fairness.Judge:
    """Label → probability."""
    return lambda text: dict(zip(LABELS, judge.probabilities(text), strict=True))
