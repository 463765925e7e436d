"""Plots as SVG, the same bytes for the same figures."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from benchmarks.harness.report import Plot

mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "benchmarks", "font.family": "sans-serif"})


def draw(plot: Plot, file: Path) -> None:
    """Both axes are logarithmic; a line's gaps are what was not measured."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, values) in enumerate(plot.lines.items()):
        points = [(x, y) for x, y in zip(plot.x, values, strict=True) if y is not None]
        width = 2.6 if number == 0 else 1.3
        axes.plot(*zip(*points, strict=True), marker="o", markersize=4, linewidth=width, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(plot.x)
    axes.xaxis.set_minor_locator(NullLocator())
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.set(title=plot.title, xlabel=plot.x_label, ylabel=plot.y_label)
    axes.grid(visible=True, which="both", linewidth=0.3)
    figure.legend(loc="outside right upper", fontsize="small", frameon=False)
    figure.savefig(file, format="svg", metadata={"Date": None})
