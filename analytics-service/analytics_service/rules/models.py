"""Claims about the models of a question over several: one that is new, gone, or asked much more or less; pure.

Averages over all models move when other models are asked, though no model and no caller has changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from analytics_service.contracts.report import Severity
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.certainty import MIN_SAMPLE, SURE, one_sided_by_chance, shares_by_chance
from analytics_service.rules.claim import Claim
from analytics_service.rules.figures import percent, percents, plural
from analytics_service.rules.windows import window_before
from shared.contracts.aggregates import AggregatedMetrics

MOVED = 0.1
"""A change of a model's share among all predictions worth a word."""


@dataclass(frozen=True, slots=True)
class OtherModels(Claim):
    """Predictions are of other models than before, or in other parts."""

    model: str
    window_before: str

    @property
    def severity(self) -> Severity:
        """Low: somebody asks another model."""
        return Severity.LOW

    @property
    def told(self) -> str:
        """The claim as part of a likely cause."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class NewModel(OtherModels):
    """A model that gave nothing before."""

    issue_type: ClassVar[str] = "model_started"
    advice: ClassVar[str] = "Ask about each model by itself: averages over all of them are of other models than before."

    count: int
    share: float

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return (
            f"Model {self.model} is new in this window: it gave {plural(self.count, 'prediction')} "
            f"({percent(self.share)} of all), none in {self.window_before}."
        )

    @property
    def told(self) -> str:
        """The claim as part of a likely cause."""
        return f"model {self.model} is new in this window"


@dataclass(frozen=True, slots=True)
class ModelStopped(OtherModels):
    """A model that gives nothing any more, while others do."""

    issue_type: ClassVar[str] = "model_stopped"
    advice: ClassVar[str] = "Check that the model is still loaded, and that its callers still reach the gateway."

    count_before: int
    share_before: float

    @property
    def severity(self) -> Severity:
        """High, like traffic that stopped: its callers are cut off, or there are none any more."""
        return Severity.HIGH

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return (
            f"Model {self.model} is gone from this window: it gave no predictions, after {self.count_before:,} "
            f"({percent(self.share_before)} of all) in {self.window_before}."
        )

    @property
    def told(self) -> str:
        """The claim as part of a likely cause."""
        return f"model {self.model} is gone from this window"


@dataclass(frozen=True, slots=True)
class ModelShare(OtherModels):
    """A model gives another part of all predictions."""

    issue_type: ClassVar[str] = "model_share_moved"
    advice: ClassVar[str] = NewModel.advice

    share: float
    share_before: float

    @property
    def sentence(self) -> str:
        """The claim in words."""
        now, before = percents(self.share, self.share_before)
        return f"Model {self.model} gave {now} of all predictions, {before} in {self.window_before}."

    @property
    def told(self) -> str:
        """The claim as part of a likely cause."""
        return f"model {self.model} gives {'more' if self.share > self.share_before else 'less'} of all predictions"


def model_claims(facts: Facts) -> Iterator[OtherModels]:
    """Models that came and went for sure; else the one whose share moved most."""
    if facts.before is None:
        return
    now, before = by_model(facts.now), by_model(facts.before)
    total, total_before = sum(now.values()), sum(before.values())
    if min(total, total_before) < MIN_SAMPLE:
        return
    words = window_before(facts)
    came = [each for each in sorted(now) if only_there(now, before, each, total, total_before)]
    went = [each for each in sorted(before) if only_there(before, now, each, total_before, total)]
    yield from (NewModel(each, words, now[each], now[each] / total) for each in came)
    yield from (ModelStopped(each, words, before[each], before[each] / total_before) for each in went)
    if not came and not went:
        yield from moved_most(now, before, words)


def only_there(there: Mapping[str, int], other: Mapping[str, int], model: str, total: int, other_total: int) -> bool:
    """Whether a model served in one window alone, and that is not by chance."""
    count = there[model]
    alone = not other.get(model) and count >= MIN_SAMPLE
    return alone and one_sided_by_chance(count, total, other_total) <= SURE


def moved_most(now: Mapping[str, int], before: Mapping[str, int], words: str) -> Iterator[ModelShare]:
    """The model of both windows whose share moved most, if that matters and is for sure."""
    total, total_before = sum(now.values()), sum(before.values())
    moves = {each: now[each] / total - before[each] / total_before for each in now.keys() & before.keys()}
    both = sorted(moves, key=lambda each: (round(abs(moves[each]), 9), moves[each], each))  # of two, the one that grew
    for model in both[-1:]:
        share, share_before = now[model] / total, before[model] / total_before
        sure = 0 < now[model] + before[model] < total + total_before and (
            shares_by_chance(now[model], total, before[model], total_before) * len(both) <= SURE
        )
        if sure and abs(share - share_before) >= MOVED:
            yield ModelShare(model, words, share, share_before)


def by_model(metrics: AggregatedMetrics) -> dict[str, int]:
    """Predictions by model; none where the list of versions leaves some out."""
    found: dict[str, int] = {}
    for each in metrics.versions:
        if each.total_predictions:
            found[each.model_name] = found.get(each.model_name, 0) + each.total_predictions
    return found if sum(found.values()) == metrics.total_predictions else {}
