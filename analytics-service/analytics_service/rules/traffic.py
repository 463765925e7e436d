"""Claims about how much is predicted; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from analytics_service.contracts.report import Severity
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.certainty import MIN_SAMPLE, SURE, counts_by_chance
from analytics_service.rules.claim import Claim
from analytics_service.rules.figures import number, percent, plural
from analytics_service.rules.windows import window, window_before

FEWER, MORE = 0.5, 2.0
"""Number of predictions in units of the window before: traffic has its ups and downs, so less is no news."""

NEARLY_NONE = 0.1


@dataclass(frozen=True, slots=True)
class TrafficStopped(Claim):
    """Nothing after something."""

    issue_type: ClassVar[str] = "traffic_stopped"
    advice: ClassVar[str] = "Check that callers still reach the gateway, and that /health says ok."

    before: int
    window: str
    window_before: str

    @property
    def severity(self) -> Severity:
        """High: either callers are cut off, or there are none any more."""
        return Severity.HIGH

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return (
            f"There were no predictions in {self.window}, after {self.before:,} in {self.window_before}: "
            "traffic has stopped."
        )


@dataclass(frozen=True, slots=True)
class TrafficFell(Claim):
    """Much less than in the window before."""

    issue_type: ClassVar[str] = "traffic_drop"
    advice: ClassVar[str] = "Check that the fall of traffic is wanted, and that callers still reach the gateway."

    before: int
    now: int
    window_before: str

    @property
    def severity(self) -> Severity:
        """High when it nearly stopped."""
        return Severity.HIGH if self.now <= NEARLY_NONE * self.before else Severity.MEDIUM

    @property
    def sentence(self) -> str:
        """The claim in words."""
        fewer = percent(1 - self.now / self.before)
        there = f"There {'was' if self.now == 1 else 'were'} {plural(self.now, 'prediction')}"
        return f"{there}, {fewer} fewer than the {self.before:,} in {self.window_before}."


@dataclass(frozen=True, slots=True)
class TrafficRose(Claim):
    """Much more than in the window before."""

    issue_type: ClassVar[str] = "traffic_surge"
    advice: ClassVar[str] = "Check that the rise of traffic is wanted, and that there are replicas enough for it."

    before: int
    now: int
    window_before: str

    @property
    def severity(self) -> Severity:
        """Low: what it does to times is another claim."""
        return Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words; a ratio to a handful says nothing."""
        there = f"There were {plural(self.now, 'prediction')}"
        if self.before < MIN_SAMPLE:
            return f"{there}, after {self.before or 'none'} in {self.window_before}."
        return f"{there}, {number(self.now / self.before)} times the {self.before:,} in {self.window_before}."


@dataclass(frozen=True, slots=True)
class TooFew(Claim):
    """Numbers that chance may have made."""

    issue_type: ClassVar[str] = "not_enough_data"
    advice: ClassVar[str] = "Ask about a longer window, or wait for more predictions."

    now: int
    window: str

    @property
    def severity(self) -> Severity:
        """Low."""
        return Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        if self.now == 0:
            return f"There were no predictions in {self.window}: nothing to judge by."
        were = "was" if self.now == 1 else "were"
        return f"There {were} only {plural(self.now, 'prediction')}: averages of fewer than {MIN_SAMPLE} say little."


@dataclass(frozen=True, slots=True)
class FewButCertain(Claim):
    """Few predictions, which are otherwise for certain all the same: that is told by other claims."""

    issue_type: ClassVar[str] = "few_predictions"
    advice: ClassVar[str] = TooFew.advice

    now: int

    @property
    def severity(self) -> Severity:
        """Low."""
        return Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        were = "was" if self.now == 1 else "were"
        return (
            f"There {were} only {plural(self.now, 'prediction')}: averages of fewer than {MIN_SAMPLE} say little, "
            "but what is said of their distribution is certain."
        )


def traffic_claims(facts: Facts) -> Iterator[Claim]:
    """How much there is, and whether it is otherwise than before."""
    now = facts.now.total_predictions
    before = facts.before.total_predictions if facts.before else None
    stopped = now == 0 and before is not None and before >= MIN_SAMPLE
    if before is not None:
        if stopped:
            yield TrafficStopped(before, window(facts), window_before(facts))
        elif max(before, now) >= MIN_SAMPLE and counts_by_chance(before, now) <= SURE:
            yield from changed(before, now, window_before(facts))
    if now < MIN_SAMPLE and not stopped:
        yield TooFew(now, window(facts))


def changed(before: int, now: int, words: str) -> Iterator[Claim]:
    """A change of traffic that is large enough to be told."""
    if now <= FEWER * before:
        yield TrafficFell(before, now, words)
    elif now >= MORE * before:
        yield TrafficRose(before, now, words)
