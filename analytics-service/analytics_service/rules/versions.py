"""Claims about model versions: one that is new, or gives more than before; pure."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from analytics_service.contracts.report import Severity
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.certainty import (
    MIN_SAMPLE,
    SURE,
    one_sided_by_chance,
    shares_by_chance,
)
from analytics_service.rules.claim import Claim
from analytics_service.rules.figures import number, percents, quantity
from analytics_service.rules.windows import window_before
from shared.contracts.aggregates import AggregatedMetrics, VersionMetrics

WHOLE_LIST = 100
"""The metrics-service tells of so many versions at most: of a longer list, nobody knows what is missing."""


@dataclass(frozen=True, slots=True)
class NewVersion(Claim):
    """A version gives the largest part of a model's predictions, or is new, and that is not by chance."""

    issue_type: ClassVar[str] = "version_changed"
    advice: ClassVar[str] = "Judge the new version by its own numbers: thresholds of the old one may not fit it."

    model: str
    version: str
    share: float
    share_before: float
    other: str
    """The version that gave the largest part before."""
    other_share: float
    confidence: float | None
    confidence_before: float | None
    """Of the other version, before."""
    window_before: str

    @property
    def severity(self) -> Severity:
        """Low: a new version is no trouble; what it brings is another claim."""
        return Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        share, share_before = percents(self.share, self.share_before)
        told = (
            f"Version {self.version} of {self.model} gave {share} of its predictions, {share_before} in "
            f"{self.window_before}, when {quantity(self.other_share)} were by {self.other}."
        )
        if self.confidence is None or self.confidence_before is None:
            return told
        now, before = number(self.confidence), number(self.confidence_before)
        if now == before:
            return f"{told} Its average confidence was {now}, like that of {self.other} then."
        return f"{told} Its average confidence was {now}, that of {self.other} then {before}."


def version_claims(facts: Facts) -> Iterator[Claim]:
    """What is to be said of versions, model by model."""
    now, before = by_model(facts.now), by_model(facts.before) if facts.before else {}
    for model, versions in sorted(now.items()):
        if model in before:
            yield from changed(model, versions, before[model], window_before(facts))


def changed(model: str, now: list[VersionMetrics], before: list[VersionMetrics], words: str) -> Iterator[Claim]:
    """The version that gives the largest part when it did not before, and sizable ones that did not serve before."""
    main, main_before = most(now), most(before)
    counts = {each.model_version: each.total_predictions for each in before}
    total, total_before = total_of(now), total_of(before)
    for each in now:
        took_over = each is main and main.model_version != main_before.model_version
        is_new = each.model_version not in counts and each.total_predictions >= MIN_SAMPLE
        if (took_over or is_new) and moved_for_sure(
            each.total_predictions, total, counts.get(each.model_version, 0), total_before
        ):
            yield NewVersion(
                model,
                each.model_version,
                share_of(each.model_version, now),
                share_of(each.model_version, before),
                main_before.model_version,
                share_of(main_before.model_version, before),
                each.average_confidence,
                main_before.average_confidence,
                words,
            )


def moved_for_sure(part: int, whole: int, part_before: int, whole_before: int) -> bool:
    """Whether chance does not explain that a version's share rose; versions are few, so one in 1,000 suffices."""
    if part / whole <= part_before / whole_before:
        return False
    if not part_before:
        return one_sided_by_chance(part, whole, whole_before) <= SURE
    return min(whole, whole_before) >= MIN_SAMPLE and shares_by_chance(part, whole, part_before, whole_before) <= SURE


def labelled(version: VersionMetrics) -> int:
    """How many predictions have a label, and with it a confidence: of a multilabel model not all."""
    labels = version.label_distribution
    return min(version.total_predictions, sum(labels.values())) if labels else version.total_predictions


def by_model(metrics: AggregatedMetrics) -> dict[str, list[VersionMetrics]]:
    """The versions of each model that predicted anything."""
    found: dict[str, list[VersionMetrics]] = defaultdict(list)
    if len(metrics.versions) < WHOLE_LIST:
        for each in metrics.versions:
            if each.total_predictions:
                found[each.model_name].append(each)
    return found


def most(versions: list[VersionMetrics]) -> VersionMetrics:
    """The version that gave more predictions than any other; of equals, the newer by name."""
    return max(versions, key=lambda each: (each.total_predictions, each.model_version))


def share_of(version: str, versions: list[VersionMetrics]) -> float:
    """The share of a version among the predictions of its model."""
    of_version = [each.total_predictions for each in versions if each.model_version == version]
    return sum(of_version) / total_of(versions)


def total_of(versions: list[VersionMetrics]) -> int:
    """The predictions of a model."""
    return sum(each.total_predictions for each in versions)
