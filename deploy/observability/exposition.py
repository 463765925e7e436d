"""What running services expose, metric by metric."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.request import Request, urlopen

from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
"""In this format the time at which a counter began is part of it, and no metric of its own."""

SCRAPE_SECONDS = 5

NOT_LABELS = frozenset({"le"})
"""`le` is the upper bound of a histogram's bucket."""


@dataclass(frozen=True)
class Exposed:
    """One metric of one or more services. `seen`: labels that samples had; none when there is no sample yet."""

    name: str
    kind: str
    meaning: str
    services: tuple[str, ...]
    seen: frozenset[str]


def scrape(url: str) -> str:
    """The metrics of one service. Raises OSError when it does not answer."""
    with urlopen(Request(url, headers={"Accept": OPENMETRICS}), timeout=SCRAPE_SECONDS) as response:  # noqa: S310 (http)
        return str(response.read().decode())


def exposed(scrapes: Mapping[str, str]) -> list[Exposed]:
    """What is exposed, in its order; `scrapes`: service → its metrics. Raises ValueError when services disagree."""
    found: dict[str, Exposed] = {}
    for service, text in scrapes.items():
        for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call] # the parser has no types
            one = of_family(family, service)
            found[one.name] = together(found.get(one.name), one)
    return list(found.values())


def of_family(family: Metric, service: str) -> Exposed:
    """What one service exposes under a name."""
    labels = (label for sample in family.samples for label in sample.labels)
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return Exposed(name, family.type, family.documentation, (service,), frozenset(labels) - NOT_LABELS)


def together(before: Exposed | None, one: Exposed) -> Exposed:
    """The same metric of one more service."""
    if before is None:
        return one
    if (before.kind, before.meaning) != (one.kind, one.meaning):
        raise ValueError(f"{one.name}: {one.services[0]} says {one.meaning!r}, {before.services[0]} {before.meaning!r}")
    services = tuple(dict.fromkeys((*before.services, *one.services)))
    return Exposed(one.name, one.kind, one.meaning, services, before.seen | one.seen)


def names(metrics: Iterable[Exposed]) -> set[str]:
    """By which queries call them."""
    return {metric.name for metric in metrics}
