"""What Gemini is told of a key beside all callers, and which figures follow from it; pure."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from analytics_service.contracts.report import NOT_KEPT_BY_KEY
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.callers import Beside, beside, chance_of_confidence, chance_of_time
from shared.contracts.aggregates import AggregatedMetrics, VersionMetrics

AVERAGES = {"total_predictions", "average_confidence", "average_inference_time_ms"}

VERSIONS_COMBINED = 10
"""Of a key, whose figures a sentence may compare with each other."""


def told_of_key(facts: Facts, all_callers: AggregatedMetrics, most_versions: int) -> dict[str, Any]:
    """The numbers of a key beside those of all callers, and never its id: to Gemini it is one caller."""
    own, whole = facts.now, all_callers.total_predictions
    return {
        "window_start": own.time_window_start,
        "window_end": own.time_window_end,
        "caller": averages_of(own),
        "all_callers": averages_of(all_callers),
        "share_of_all_predictions": own.total_predictions / whole if 0 < own.total_predictions <= whole else None,
        "versions_that_answered_the_caller": [version_of(each) for each in own.versions[:most_versions]],
        "the_same_versions_over_all_callers": [
            version_of(pair.of_all) | chances_of(pair, facts) for pair in beside(facts)[:most_versions]
        ],
        "not_kept_by_caller": NOT_KEPT_BY_KEY,
        "model": own.model_name,
    }


def averages_of(metrics: AggregatedMetrics) -> dict[str, Any]:
    """What there is by key as well."""
    return metrics.model_dump(include=AVERAGES)


def version_of(version: VersionMetrics) -> dict[str, Any]:
    """The same of a version."""
    return version.model_dump(include=AVERAGES | {"model_name", "model_version"})


def chances_of(pair: Beside, facts: Facts) -> dict[str, Any]:
    """How often chance alone shows a caller as far from all; None: there are too few predictions to say."""
    if not pair.is_judged:
        return {"confidence_by_chance": None, "time_by_chance": None}
    return {"confidence_by_chance": chance_of_confidence(pair), "time_by_chance": chance_of_time(pair, facts)}


def pairs_of_key(facts: Facts) -> Iterator[tuple[float, float]]:
    """What a key has beside all callers, in all and by version; and one of its versions beside another."""
    if facts.all_callers is not None:
        yield from pairs_beside(facts.now, facts.all_callers)
    for pair in beside(facts):
        yield from pairs_beside(pair.own, pair.of_all)
    versions = facts.now.versions[:VERSIONS_COMBINED]
    yield from combinations([each.average_confidence or 0.0 for each in versions], 2)
    yield from combinations([each.average_inference_time_ms or 0.0 for each in versions], 2)


def pairs_beside(
    own: AggregatedMetrics | VersionMetrics, of_all: AggregatedMetrics | VersionMetrics
) -> Iterator[tuple[float, float]]:
    """Count, confidence and time of a caller, each with that of all."""
    yield own.total_predictions, of_all.total_predictions
    yield own.average_confidence or 0.0, of_all.average_confidence or 0.0
    yield own.average_inference_time_ms or 0.0, of_all.average_inference_time_ms or 0.0
