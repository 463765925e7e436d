"""What there is to say of a key in a few sentences, what probably lies behind it, and what nobody knows of it; pure."""

from collections.abc import Sequence

from analytics_service.contracts.report import Severity
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.callers import KeyLessSure, KeySlower, KeySurer, beside
from analytics_service.rules.claim import ORDER, Claim
from analytics_service.rules.figures import number, percent, plural
from analytics_service.rules.summary import LONGEST
from analytics_service.rules.windows import hours
from shared.contracts.aggregates import VersionMetrics

VERSIONS_TOLD = 3

NOT_KEPT = (
    "By key there are counts and averages alone: percentiles, labels, drift, alerts and what thresholds say "
    "are not known of one caller."
)


def key_summary(facts: Facts, claims: Sequence[Claim], untold: int) -> str:
    """How much a key asked, what each version did for it, the worst of it, and what is not kept by key."""
    told = [how_many(facts), *by_version(facts)]
    worst = claims[0] if claims else None
    if worst and (facts.now.total_predictions == 0 or ORDER.index(worst.severity) >= ORDER.index(Severity.MEDIUM)):
        told.append(worst.sentence)
    if untold:
        told.append(f"{plural(untold, 'lesser issue')} {'is' if untold == 1 else 'are'} left out.")
    return " ".join([*filter(None, told), NOT_KEPT])[:LONGEST]


def how_many(facts: Facts) -> str | None:
    """The part of all predictions that came with the key; nothing of a window without any."""
    count, of_all = facts.now.total_predictions, facts.all_callers
    if count == 0:
        return None
    came = f"{plural(count, 'prediction')}{of_model(facts)} came with this key in {hours(facts)}"
    if of_all is None or of_all.total_predictions < count:
        return f"{came}."
    return f"{came}, {percent(count / of_all.total_predictions)} of the {of_all.total_predictions:,} of all callers."


def of_model(facts: Facts) -> str:
    """` of sentiment`, where the question names a model."""
    return f" of {facts.now.model_name}" if facts.now.model_name else ""


def by_version(facts: Facts) -> list[str]:
    """What the most asked versions did for the key, and for all."""
    others = {(each.own.model_name, each.own.model_version): each.of_all for each in beside(facts)}
    versions = facts.now.versions
    told = [
        version_sentence(each, others.get((each.model_name, each.model_version))) for each in versions[:VERSIONS_TOLD]
    ]
    more = len(versions) - VERSIONS_TOLD
    return [*told, *([f"{plural(more, 'more version')} answered it as well."] if more > 0 else [])]


def version_sentence(own: VersionMetrics, of_all: VersionMetrics | None) -> str:
    """`Version 1.0.0 of sentiment: 40 predictions, average confidence 0.61 (0.72 over all callers), …`."""
    parts = [plural(own.total_predictions, "prediction")]
    if own.average_confidence is not None:
        whole = over_all(of_all.average_confidence if of_all else None)
        parts.append(f"average confidence {number(own.average_confidence)}{whole}")
    if own.average_inference_time_ms is not None:
        whole = over_all(of_all.average_inference_time_ms if of_all else None, " ms")
        parts.append(f"{number(own.average_inference_time_ms)} ms on average{whole}")
    return f"Version {own.model_version} of {own.model_name}: {', '.join(parts)}."


def over_all(value: float | None, unit: str = "") -> str:
    """` (0.72 over all callers)`, where that is known."""
    return "" if value is None else f" ({number(value)}{unit} over all callers)"


def likely_cause_by_key(claims: Sequence[Claim]) -> str | None:
    """A hypothesis; None when the claims tell no story."""
    less_sure = any(isinstance(claim, KeyLessSure) for claim in claims)
    slower = any(isinstance(claim, KeySlower) for claim in claims)
    if less_sure and slower:
        return "What comes with this key is probably longer, and of another kind, than what others send."
    if less_sure:
        return "What comes with this key is probably harder, or of another kind, than what others send."
    if slower:
        return "What comes with this key is probably longer than what others send, or comes in bursts that queue."
    if any(isinstance(claim, KeySurer) for claim in claims):
        return "What comes with this key is probably easier than what others send."
    return None
