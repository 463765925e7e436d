"""Claims about the labels that a model gives, by name: renamed, new, gone, or all the same; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from analytics_service.facts import Facts
from analytics_service.report import Severity
from analytics_service.rules.certainty import MIN_SAMPLE, SURE, one_sided_by_chance, shares_by_chance
from analytics_service.rules.claim import Claim
from analytics_service.rules.figures import listed, name_of, percent
from analytics_service.rules.windows import comparable, window_before

ONE_SIDED = 0.95
"""Share of the most frequent label."""

ALIKE = 0.05
"""Two shares that chance puts so far apart more often than this may be of one and the same label."""


@dataclass(frozen=True, slots=True)
class OtherLabels(Claim):
    """Labels that came and labels that went, for sure; `renamed`: each that went has one that came in its place."""

    issue_type: ClassVar[str] = "labels_changed"
    advice: ClassVar[str] = "Check that whoever reads the labels knows the names that the model gives now."

    came: tuple[str, ...]
    went: tuple[str, ...]
    renamed: bool
    window_before: str

    @property
    def severity(self) -> Severity:
        """Medium: whoever filters by a name that is gone gets nothing. Only new names are good to know."""
        return Severity.MEDIUM if self.went else Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        came, went = listed(self.came), listed(self.went)
        if self.renamed:
            return f"Labels have other names: {came} instead of {went} in {self.window_before}, with like shares."
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
    before, now = comparable(facts), facts.now.label_distribution
    if before and (other := other_labels(before.label_distribution, now, window_before(facts))):
        yield other
    label, count = max(now.items(), key=lambda item: item[1], default=("", 0))
    total = sum(now.values())
    if total >= MIN_SAMPLE and count >= ONE_SIDED * total:
        yield OneSided(label, count / total)


def other_labels(before: Mapping[str, int], now: Mapping[str, int], words: str) -> OtherLabels | None:
    """Which labels came and went; None when chance may have kept them away."""
    came, went = missing(now, before), missing(before, now)
    if not came and not went:
        return None
    return OtherLabels(tuple(came), tuple(went), same_shares(came, now, went, before), words)


def missing(there: Mapping[str, int], here: Mapping[str, int]) -> list[str]:
    """The labels of one window that the other would have, if nothing had changed; the most frequent first."""
    total, drawn = sum(there.values()), sum(here.values())
    return [
        label
        for label, count in sorted(there.items(), key=lambda item: (-item[1], item[0]))
        if count and not here.get(label) and len(there) * one_sided_by_chance(count, total, drawn) <= SURE
    ]


def same_shares(came: list[str], now: Mapping[str, int], went: list[str], before: Mapping[str, int]) -> bool:
    """Whether what came makes up the same shares as what went, one by one from the most frequent down."""
    if not came or len(came) != len(went):
        return False
    total, total_before = sum(now.values()), sum(before.values())
    return all(
        shares_by_chance(now[new], total, before[old], total_before) > ALIKE
        for new, old in zip(came, went, strict=True)
    )
