"""Claims about drift: what is distributed otherwise than in the window before, for certain; pure.

Whether it is certain, and how large, the metrics-service says; how much it matters depends on what it is. Of labels
that have other names now, what has changed besides the names is told, in the names of now.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log
from typing import ClassVar

from analytics_service.contracts.report import Severity
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.certainty import BIN, SURE, shares_by_chance
from analytics_service.rules.claim import Claim
from analytics_service.rules.confidence import MATTERS, confidence_claims
from analytics_service.rules.figures import name_of, number, percents
from analytics_service.rules.renaming import Renaming, counts, label_counts, renaming
from analytics_service.rules.succession import another_version_speaks
from analytics_service.rules.windows import baseline_words, window_before
from shared.contracts.baseline import MISSING, OTHER
from shared.contracts.drift import DriftMeasure, DriftReport, DriftStatus

MODERATE_PSI, SIGNIFICANT_PSI = 0.1, 0.25
"""The metrics-service's bands."""

STEPS = 40
"""Parts of the way from 0 to 1 at which two distributions of confidence are compared."""

TOLD = (DriftStatus.MODERATE, DriftStatus.SIGNIFICANT)


@dataclass(frozen=True, slots=True)
class Drifted(Claim):
    """A property that is distributed otherwise, and the bin of it that moved most."""

    advice: ClassVar[str] = "Find out whether callers or their inputs changed; if for good, evaluate the model on them."
    measured: ClassVar[str] = ""

    strong: bool
    psi: float
    by_chance: float
    bin_name: str
    before: float
    now: float
    reference: str
    """`the 60 minutes before`, or the baseline that was compared with."""
    pinned: bool = False

    @property
    def subject(self) -> str:
        """Which measure of the report it is about."""
        return self.measured

    @property
    def of_baseline(self) -> bool:
        """Whether the reference is a pinned baseline."""
        return self.pinned

    @property
    def severity(self) -> Severity:
        """High for a strong change."""
        return Severity.HIGH if self.strong else Severity.MEDIUM

    @property
    def shares(self) -> str:
        """`55 %, 20 % in the 60 minutes before`, and how far apart the distributions are."""
        now, before = percents(self.now, self.before)
        return (
            f"{now}, {before} in {self.reference} (population stability index {number(self.psi)}, "
            f"by chance up to {number(self.by_chance, 2)})"
        )


@dataclass(frozen=True, slots=True)
class LabelDrift(Drifted):
    """Other labels are given."""

    issue_type: ClassVar[str] = "label_drift"
    measured: ClassVar[str] = "label"

    renamed: bool = False

    @property
    def despite(self) -> str:
        """That the names are not what it is."""
        return ", labels with other names counted as the same" if self.renamed else ""

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return f"The share of predictions that said {name_of(self.bin_name)} was {self.shares}{self.despite}."


@dataclass(frozen=True, slots=True)
class LabelSetDrift(LabelDrift):
    """A label is given otherwise where a prediction may have several."""

    measured: ClassVar[str] = "labels"

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return f"The share of predictions with the label {name_of(self.bin_name)} among theirs was {self.shares}."


@dataclass(frozen=True, slots=True)
class ConfidenceDrift(Drifted):
    """Confidences are spread otherwise, and that is more than a fall or a rise of all of them."""

    issue_type: ClassVar[str] = "confidence_drift"
    measured: ClassVar[str] = "confidence"

    @property
    def severity(self) -> Severity:
        """Medium: what it does to the average is another claim."""
        return Severity.MEDIUM

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return f"The share of predictions with a confidence of {self.bin_name} was {self.shares}."


@dataclass(frozen=True, slots=True)
class LengthDrift(Drifted):
    """Other inputs come. That alone harms nobody: what it does to confidence and labels is another claim."""

    issue_type: ClassVar[str] = "input_length_drift"
    measured: ClassVar[str] = "input_length"

    @property
    def severity(self) -> Severity:
        """Medium for a strong change."""
        return Severity.MEDIUM if self.strong else Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        return f"The share of inputs of {self.bin_name} characters was {self.shares}."


@dataclass(frozen=True, slots=True)
class ValueDrift(Drifted):
    """Other values are given."""

    issue_type: ClassVar[str] = "value_drift"
    measured: ClassVar[str] = "value"

    @property
    def sentence(self) -> str:
        """The claim in words."""
        within = "" if self.bin_name.startswith(("up to", "above")) else "from "
        return f"The share of predictions with a value {within}{self.bin_name} was {self.shares}."


@dataclass(frozen=True, slots=True)
class InputDrift(Drifted):
    """One input comes otherwise. What that does to values and labels is another claim."""

    issue_type: ClassVar[str] = "input_drift"
    advice: ClassVar[str] = "Ask who sends this input: a unit, a default or a source may have changed."

    column: str = ""

    @property
    def subject(self) -> str:
        """Which measure of the report it is about."""
        return f"input {self.column}"

    @property
    def severity(self) -> Severity:
        """Medium for a strong change."""
        return Severity.MEDIUM if self.strong else Severity.LOW

    @property
    def sentence(self) -> str:
        """The claim in words."""
        what = {MISSING: "missing", OTHER: "a value that is not listed"}.get(self.bin_name, name_of(self.bin_name))
        return f"The share of predictions whose input {name_of(self.column)} was {what} was {self.shares}."


KINDS: dict[str, type[Drifted]] = {
    "label": LabelDrift,
    "labels": LabelSetDrift,
    "confidence": ConfidenceDrift,
    "input_length": LengthDrift,
    "value": ValueDrift,
}

MOST_INPUTS = 5
"""Inputs that a report tells the drift of, those that drifted most."""


def drift_claims(facts: Facts) -> Iterator[Drifted]:
    """One claim for each property that drifted from the window before, and from the pinned baseline.

    A fall or rise of confidence is told by itself, and so is not told again as drift when it explains all of that.
    """
    moved = [claim.now - claim.before for claim in confidence_claims(facts)]
    if facts.drift:
        for claim in claims_of(facts, facts.drift, window_before(facts)):
            if not (isinstance(claim, ConfidenceDrift) and moved and is_all_of_it(facts.drift, moved[0])):
                yield claim
    if facts.pinned:
        yield from claims_of(facts, facts.pinned, baseline_words(facts.pinned), pinned=True)


def claims_of(facts: Facts, drift: DriftReport, reference: str, *, pinned: bool = False) -> Iterator[Drifted]:
    """One claim for each property that drifted from one reference."""
    told = {each.name for each in drift.measures if each.status in TOLD}
    for measure in drift.measures:
        kind = KINDS.get(measure.name)
        if kind is None or measure.status not in TOLD or measure.psi is None:
            continue
        if kind is LabelDrift and LabelSetDrift.measured in told:
            continue  # of several labels the surest: what has become of each says more
        names = renaming_in(facts, drift, pinned=pinned) if kind is LabelDrift else None
        if names is None:
            strong = measure.status is DriftStatus.SIGNIFICANT
            yield kind(strong, measure.psi, measure.chance_psi or 0.0, *most_moved(measure), reference, pinned)
        else:
            yield from despite_names(drift, measure, names, reference, pinned=pinned)
    yield from input_claims(drift, reference, pinned=pinned)


def input_claims(drift: DriftReport, reference: str, *, pinned: bool) -> Iterator[InputDrift]:
    """One claim for each of the inputs that drifted most."""
    drifted = [each for each in drift.measures if each.input is not None and each.status in TOLD]
    for measure in sorted(drifted, key=lambda each: -(each.psi or 0.0))[:MOST_INPUTS]:
        strong, by_chance = measure.status is DriftStatus.SIGNIFICANT, measure.chance_psi or 0.0
        moved = most_moved(measure)
        yield InputDrift(strong, measure.psi or 0.0, by_chance, *moved, reference, pinned, column=measure.input or "")


def renaming_in(facts: Facts, drift: DriftReport, *, pinned: bool) -> Renaming | None:
    """Which labels have other names than in one reference."""
    before, now = label_counts(drift)
    return renaming(before, now, another_version=another_version_speaks(facts, before, pinned=pinned))


def despite_names(
    drift: DriftReport, measure: DriftMeasure, names: Renaming, reference: str, *, pinned: bool
) -> Iterator[LabelDrift]:
    """What has changed of labels besides their names."""
    shares = names.renamed(measure.reference)
    before, now = counts(shares, drift.reference_sample_size), counts(measure.current, drift.sample_size)
    psi, expected, chance = index(before, now)
    if psi - expected >= MODERATE_PSI and differ_for_sure(before, now):
        moved = most_moved(measure.model_copy(update={"reference": shares}))
        yield LabelDrift(psi - expected >= SIGNIFICANT_PSI, psi, chance, *moved, reference, pinned, renamed=True)


def is_all_of_it(drift: DriftReport, change: float) -> bool:
    """Whether confidences are spread as before, but all higher or lower by the same.

    That is: once all of before are moved by the change, they are less than MATTERS away from those of now on average.
    """
    measure = next(each for each in drift.measures if each.name == "confidence")
    before, now = ranges(measure.reference), ranges(measure.current)
    if not before or not now:
        return False
    edges = [step / STEPS for step in range(STEPS + 1)]
    apart = [abs(share_below(before, edge - change) - share_below(now, edge)) for edge in edges[1:-1]]
    return sum(apart) / STEPS < MATTERS


def ranges(shares: Mapping[str, float]) -> list[tuple[float, float, float]]:
    """Ranges of confidence as (from, to, share); none when they are none."""
    found = [(BIN.fullmatch(name), share) for name, share in shares.items()]
    ends = [(float(match[1]), float(match[2]), share) for match, share in found if match]
    return ends if len(ends) == len(found) else []


def share_below(found: list[tuple[float, float, float]], edge: float) -> float:
    """The share of confidences below an edge, as if they were spread evenly within each range."""
    return sum(share * min(max((edge - low) / (high - low), 0.0), 1.0) for low, high, share in found)


def index(before: Mapping[str, int], now: Mapping[str, int]) -> tuple[float, float, float]:
    """PSI as the metrics-service has it, what it is by chance, and what it then mostly stays below."""
    bins = before.keys() | now.keys()
    n, m = sum(before.values()), sum(now.values())
    psi = 0.0
    for each in bins:
        p = (before.get(each, 0) + 0.5) / (n + 0.5 * len(bins))
        q = (now.get(each, 0) + 0.5) / (m + 0.5 * len(bins))
        psi += (q - p) * log(q / p)
    freedom = max(len(bins) - 1, 1)
    expected = (1 / n + 1 / m) * freedom
    return psi, expected, expected * (1 + 1.645 * (2 / freedom) ** 0.5)


def differ_for_sure(before: Mapping[str, int], now: Mapping[str, int]) -> bool:
    """Whether any share differs by more than chance explains, over all of them together."""
    n, m = sum(before.values()), sum(now.values())
    bins = before.keys() | now.keys()
    return any(shares_by_chance(now.get(each, 0), m, before.get(each, 0), n) * len(bins) <= SURE for each in bins)


def most_moved(measure: DriftMeasure) -> tuple[str, float, float]:
    """The bin whose share moved most, before and now; of several labels the one that the measure is about."""
    bins = measure.reference.keys() | measure.current.keys()
    names = [measure.label] if measure.label is not None else sorted(bins) or [""]
    moves = [(name, measure.reference.get(name, 0.0), measure.current.get(name, 0.0)) for name in names]
    return max(moves, key=lambda move: abs(move[1] - move[2]))
