"""Whether another version made the predictions of this window, so that its labels may have other names; pure."""

from collections.abc import Mapping

from analytics_service.metrics_client.facts import Facts
from shared.contracts.aggregates import AggregatedMetrics
from shared.contracts.drift import DriftReport

Counts = Mapping[str, int]


def another_version_speaks(facts: Facts, before: Counts, *, pinned: bool) -> bool:
    """Whether one and the same model has other versions alone than it had, none of which knows a label of before.

    A version does not rename its own labels: where it says something else, that is drift. What is not known for sure
    (a list of versions that is cut off, several models) counts as the same version.
    """
    in_use = versions_of(facts.now)
    then = versions_before(facts, pinned=pinned)
    if not in_use or not then or in_use & then or len({model for model, _ in in_use | then}) != 1:
        return False
    return not any(before.get(label) for label in known_to(in_use, facts))


def versions_before(facts: Facts, *, pinned: bool) -> set[tuple[str, str]]:
    """(model, version) of the predictions that are compared with; empty: not known."""
    if not pinned and facts.before:
        return versions_of(facts.before)
    drift: DriftReport | None = facts.pinned if pinned else facts.drift
    model = facts.now.model_name
    if drift is None or model is None or sum(drift.reference_versions.values()) != drift.reference_sample_size:
        return set()
    return {(model, version) for version in drift.reference_versions}


def versions_of(metrics: AggregatedMetrics) -> set[tuple[str, str]]:
    """(model, version) of every prediction of a window; empty: some are not known."""
    if sum(each.total_predictions for each in metrics.versions) != metrics.total_predictions:
        return set()
    return {(each.model_name, each.model_version) for each in metrics.versions if each.total_predictions}


def known_to(in_use: set[tuple[str, str]], facts: Facts) -> set[str]:
    """The labels that these versions have given, in either window."""
    return {
        label
        for metrics in filter(None, (facts.now, facts.before))
        for each in metrics.versions
        if (each.model_name, each.model_version) in in_use
        for label, count in each.label_distribution.items()
        if count
    }
