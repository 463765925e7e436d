"""Claims about the labels that a model gives, by name: renamed, new, gone, or all the same; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from analytics_service.contracts.report import Severity
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.certainty import MIN_SAMPLE
from analytics_service.rules.claim import Claim
from analytics_service.rules.figures import listed, name_of, percent
from analytics_service.rules.renaming import Counts, Renaming, label_counts, renaming, surely_missing, told_in
from analytics_service.rules.succession import another_version_speaks
from analytics_service.rules.windows import baseline_words, window_before

ONE_SIDED = 0.95
"""Share of the most frequent label."""


@dataclass(frozen=True, slots=True)
class OtherLabels(Claim):
    """Labels that came and labels that went, for sure.

    `renamed`: each that went has the one in its place that came; by their names, or, if `seemingly`, by shares alone.
    """

    issue_type: ClassVar[str] = "labels_changed"
    advice: ClassVar[str] = "Check that whoever reads the labels knows the names that the model gives now."

    came: tuple[str, ...]
    went: tuple[str, ...]
    window_before: str
    renamed: bool = False
    seemingly: bool = False
    alike: bool = False
    pinned: bool = False
    is_whole: bool = False
    """Whether every label went, and others came for all of them."""

    @property
    def of_baseline(self) -> bool:
        """Whether the labels are those of a pinned baseline."""
        return self.pinned

    @property
    def severity(self) -> Severity:
        """Medium: whoever filters by a name that is gone gets nothing. Only new names are good to know."""
        return Severity.MEDIUM if self.went else Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        came, went = listed(self.came), listed(self.went)
        if self.renamed:
            seem = "seem to have" if self.seemingly else "have"
            shares = ", with like shares" if self.alike else ""
            return f"Labels {seem} other names: {came} instead of {went} in {self.window_before}{shares}."
        if self.came and self.went:
            return f"The labels are others: {came} came, {went} of {self.window_before} went."
        if self.came:
            return f"{came} came as labels that {self.window_before} did not have."
        return f"No prediction said what some in {self.window_before} did: {went}."


@dataclass(frozen=True, slots=True)
class OneSided(Claim):
    """Nearly all predictions say the same."""

    issue_type: ClassVar[str] = "one_sided_labels"
    advice: ClassVar[str] = "Check a sample by hand: a model that says one thing to nearly everything may be broken."

    label: str
    share: float

    @property
    def severity(self) -> Severity:
        """Low."""
        return Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return f"{percent(self.share)} of the predictions said {name_of(self.label)}."


def label_claims(facts: Facts) -> Iterator[Claim]:
    """What is to be said of the names of labels."""
    told: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
    for before, now, words, pinned in compared(facts):
        names = renaming(before, now, another_version=another_version_speaks(facts, before, pinned=pinned))
        for claim in other_labels(before, now, words, names, pinned=pinned):
            if (claim.came, claim.went) not in told:  # the baseline says nothing new of them
                yield claim
            told.add((claim.came, claim.went))
    counts = facts.now.label_distribution
    label, count = max(counts.items(), key=lambda item: item[1], default=("", 0))
    total = sum(counts.values())
    if total >= MIN_SAMPLE and count >= ONE_SIDED * total:
        yield OneSided(label, count / total)


def compared(facts: Facts) -> Iterator[tuple[Counts, Counts, str, bool]]:
    """The labels before and now, from when they are, and whether that is a baseline."""
    if facts.before:
        yield facts.before.label_distribution, facts.now.label_distribution, window_before(facts), False
    elif facts.drift:
        yield *label_counts(facts.drift), window_before(facts), False
    if facts.pinned:
        yield *label_counts(facts.pinned), baseline_words(facts.pinned), True


def other_labels(
    before: Counts, now: Counts, words: str, names: Renaming | None, *, pinned: bool
) -> Iterator[OtherLabels]:
    """Labels with other names, and besides them those that came and went where chance does not explain it."""
    pairs = names.pairs if names else ()
    if names:
        came, went = tuple(new for _, new in pairs), tuple(old for old, _ in pairs)
        yield OtherLabels(came, went, words, True, not names.by_name, names.alike, pinned)
    old, new = {old for old, _ in pairs}, {new for _, new in pairs}
    others = tuple(label for label in surely_missing(now, before) if label not in new)
    gone = tuple(label for label in surely_missing(before, now) if label not in old)
    if others or gone:
        is_whole = bool(others and gone) and not pairs and not any(before.get(label) for label in told_in(now))
        yield OtherLabels(others, gone, words, pinned=pinned, is_whole=is_whole)
