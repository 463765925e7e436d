"""docs/metrics-reference.md: every metric, as the running services expose it and as the catalogue knows it."""

from collections.abc import Iterator, Sequence

from observability.catalogue import Catalogue, Entry
from observability.exposition import Exposed, names

HEAD = """\
# Every metric

What the four services expose for Prometheus, each in its order. This page is made from running services by
`make metrics-reference`; a test fails when it is behind them.

`make run` serves them on 127.0.0.1, path `/metrics`, ports 8010 to 8013 ([settings](../README.md)); in containers each
service does on port 9000. `deploy/prometheus/prometheus.yml` scrapes the former and adds the label `service` that
queries here use. Counters begin at 0 with their process: `rate` and `increase` know. A metric with labels has no
samples before something was counted.
"""

EVERY_SERVICE, EVERY_PROCESS = "Every service", "Every process"
"""Sections: what our own code counts everywhere, and what prometheus_client says of a process and its Python."""


class PageError(Exception):
    """Services and catalogue do not agree; the message has a line for each difference."""


def page(metrics: Sequence[Exposed], catalogue: Catalogue) -> str:
    """The document. Raises PageError when a metric is unknown here or there, or has labels that are not explained."""
    if differences := [*disagreements(metrics, catalogue)]:
        raise PageError("\n".join(differences))
    sections: dict[str, list[str]] = {}
    for metric in sorted(metrics, key=place):
        sections.setdefault(heading(metric), []).append(paragraph(metric, catalogue[metric.name]))
    return "\n".join([HEAD, *(f"## {name}\n\n" + "\n".join(parts) for name, parts in sections.items())])


def disagreements(metrics: Sequence[Exposed], catalogue: Catalogue) -> Iterator[str]:
    """What the catalogue lacks, or has although nobody exposes it."""
    for metric in metrics:
        if metric.name not in catalogue:
            yield f"{metric.name}: {', '.join(metric.services)} exposes it; catalogue.toml does not know it"
        elif unknown := metric.seen - catalogue[metric.name].labels.keys():
            yield f"{metric.name}: catalogue.toml does not know its labels {', '.join(sorted(unknown))}"
    for name in sorted(catalogue.keys() - names(metrics)):
        yield f"{name}: catalogue.toml knows it; no service exposes it"


def heading(metric: Exposed) -> str:
    """Whose metric it is."""
    if metric.name.startswith(("python_", "process_")):
        return EVERY_PROCESS
    return metric.services[0] if len(metric.services) == 1 else EVERY_SERVICE


def place(metric: Exposed) -> int:
    """Where its section stands: before the services what they share, behind them what any process has."""
    return {EVERY_SERVICE: 0, EVERY_PROCESS: 2}.get(heading(metric), 1)


def paragraph(metric: Exposed, entry: Entry) -> str:
    """One metric."""
    lines = [f"### {metric.name}", "", f"{metric.meaning.rstrip('.')}. A {metric.kind}; unit: {entry.unit}.", ""]
    if entry.labels:
        lines += ["| label | |", "| --- | --- |"]
        lines += [f"| `{name}` | {meaning} |" for name, meaning in entry.labels.items()] + [""]
    return "\n".join([*lines, entry.question, "", "```promql", entry.query, "```", ""])
