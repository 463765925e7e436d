"""Results of an evaluation, for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from training.metrics import Figures

Quantiles = tuple[float, float]
"""p50 and p95, in milliseconds."""

USUAL_NAMES = {"accuracy": "accuracy", "macro_f1": "macro-F1", "macro_recall": "macro-recall"}

HEAD = """\
| set ({part}) | rows | model | accuracy | macro-F1 | macro-recall | three-way | 95 % interval | ECE | p50 ms | p95 ms |
|---|--:|---|--:|--:|--:|--:|---|--:|--:|--:|
"""


@dataclass(frozen=True, slots=True)
class Result:
    """One model on one set."""

    model: str
    set: str
    rows: int
    usual: str
    figures: Figures
    milliseconds: Quantiles
    milliseconds_short: Quantiles | None
    """Of texts up to 24 words, which make up to 32 tokens as a rule."""


def markdown(results: Sequence[Result], part: str) -> str:
    """Sets one after the other, the models of each beside one another; then how long short texts take."""
    ordered = sorted(results, key=lambda result: sets_of(results).index(result.set))
    return HEAD.format(part=part) + "".join(map(line, ordered)) + "\n" + latencies(results)


def sets_of(results: Sequence[Result]) -> list[str]:
    """In the order of their first appearance."""
    return list(dict.fromkeys(result.set for result in results))


def line(result: Result) -> str:
    """One row of the table."""
    found = result.figures
    calibration = "-" if isnan(found.calibration_error) else f"{found.calibration_error:.3f}"
    interval = f"{USUAL_NAMES[result.usual]} {100 * found.low:.1f} to {100 * found.high:.1f}"
    percentages = " | ".join(f"{100 * x:.1f}" for x in (found.accuracy, found.macro_f1, found.macro_recall))
    p50, p95 = result.milliseconds
    return (
        f"| {result.set} | {result.rows:,} | {result.model} | {percentages} | {100 * found.three_way:.1f} "
        f"| {interval} | {calibration} "
        f"| {p50:.2f} | {p95:.2f} |\n"
    )


def latencies(results: Sequence[Result]) -> str:
    """By model, the set with the most short texts speaks for them."""
    rows = ["| texts of up to 24 words | p50 ms | p95 ms |\n|---|--:|--:|\n"]
    for model in dict.fromkeys(result.model for result in results):
        short = [r for r in results if r.model == model and r.milliseconds_short]
        p50, p95 = max(short, key=lambda r: r.rows).milliseconds_short or (float("nan"), float("nan"))
        rows.append(f"| {model} | {p50:.2f} | {p95:.2f} |\n")
    return "".join(rows)


def plot(results: Sequence[Result], file: Path) -> None:
    """The usual figure of each set, with its interval, by model."""
    sets, models = sets_of(results), list(dict.fromkeys(result.model for result in results))
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(models)
    for place, model in enumerate(models):
        own = [next(r for r in results if r.model == model and r.set == name) for name in sets]
        heights = [100 * getattr(r.figures, r.usual) for r in own]
        errors = [
            [height - 100 * r.figures.low for height, r in zip(heights, own, strict=True)],
            [100 * r.figures.high - height for height, r in zip(heights, own, strict=True)],
        ]
        places = [index + (place - (len(models) - 1) / 2) * width for index in range(len(sets))]
        axes.bar(places, heights, width, yerr=errors, label=model, capsize=2)
    usual = {r.set: USUAL_NAMES[r.usual] for r in results}
    axes.set(ylabel="%", ylim=(30, 100), xticks=range(len(sets)))
    axes.set_xticklabels([f"{name}\n{usual[name]}" for name in sets])
    axes.legend(ncols=len(models), fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    with mpl.rc_context({"svg.hashsalt": "evaluation"}):
        figure.savefig(file, metadata={"Date": None})
