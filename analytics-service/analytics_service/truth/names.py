"""Versions, models and labels that a sentence names; pure."""

import re
from collections.abc import Iterator

from analytics_service.metrics_client.facts import Facts
from analytics_service.truth.told import plain_labels

VERSION = re.compile(r"(?<![\w.])v?(\d+\.\d+\.\d+)(?![\w]|\.\d)")
NAMED = re.compile(
    r"\b(?:label|class|model|version|input|column|feature)s?\s+[`'\"\u2018\u201c]([^`'\"\u2019\u201d]{1,100})[`'\"\u2019\u201d]",
    re.IGNORECASE,
)
"""A name in quotes after a word that says what it is: other quotes may hold anything."""


def unknown_name(sentence: str, facts: Facts) -> str | None:
    """The first name that is not among the facts, where they have names of its kind at all."""
    known = set(names_in(facts))
    versions = {name for name in known if VERSION.fullmatch(name)}
    for match in VERSION.finditer(sentence):
        if versions and match[1] not in versions:
            return f"version {match[1]}"
    for match in NAMED.finditer(sentence):
        if known and match[1].casefold() not in {name.casefold() for name in known}:
            return f"the name {match[1][:40]!r}"
    return None


def names_in(facts: Facts) -> Iterator[str]:
    """Every name that was told, and those that the window was asked by."""
    for metrics in facts.windows:
        yield from plain_labels(metrics.label_distribution)
        yield from plain_labels(metrics.labels.shares) if metrics.labels else ()
        yield from filter(None, (metrics.model_name, metrics.model_version))
        for each in metrics.versions:
            yield from (each.model_name, each.model_version, *plain_labels(each.label_distribution))
    for drift in filter(None, (facts.drift, facts.pinned)):
        yield from (*drift.versions, *drift.reference_versions)
        for measure in drift.measures:
            yield from measure.reference.keys() | measure.current.keys()
            yield from filter(None, [measure.input])
    for rollout in facts.rollouts.rollouts if facts.rollouts else []:
        yield from (rollout.model_name, rollout.stable_version, rollout.candidate_version)
    for alert in facts.alerts.alerts if facts.alerts else []:
        yield alert.model_name
