"""A report as Markdown."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from benchmarks.harness.report import Bar, Report, Result, Table
from benchmarks.harness.turns import Sample


def document(report: Report) -> str:
    """Everything."""
    parts = ["# What was measured", conditions(report), "## What is wanted", bars_table(report.bars)]
    for name, result in report.results.items():
        ran = f"`{name}`, {result.seconds:.0f} s"
        parts += [f"## {result.title}", *result_parts(result), f"{ran}, {result.measured}" if result.measured else ran]
    return "\n\n".join(part for part in parts if part) + "\n"


def conditions(report: Report) -> str:
    """Machine and versions."""
    machine, software = (
        ", ".join(f"{name} {value}" for name, value in facts.items()) for facts in (report.machine, report.versions)
    )
    head = f"Measured on: {machine}. It took {report.seconds / 60:.0f} minutes in all.\n\nWith {software}."
    times: dict[str, list[str]] = defaultdict(list)
    for name, result in report.results.items():
        when = result.measured[:10] or "in an earlier run"
        times[f"{when} on {result.elsewhere}" if result.elsewhere else when].append(f"`{name}`")
    if len(times) == 1:
        return head
    said = "; ".join(f"{', '.join(names)}: {when}" for when, names in times.items())
    return f"{head}\n\nNot all in one run: {said}."


def result_parts(result: Result) -> Iterable[str]:
    """Tables, plots, and what was left out."""
    for table in result.tables:
        yield f"{f'**{table.title}**' if table.title else ''}\n\n{table_lines(table)}".strip()
        yield table.note
    for plot in result.plots:
        yield f"![{plot.title}]({plot.name}.svg)"
    for skipped in result.skipped:
        yield f"Skipped: {skipped}"


def bars_table(bars: Sequence[Bar]) -> str:
    """What is wanted, and what came of it. The ratio is that of the measured figure to the target."""
    head = ["of", "figure", "target", "measured", "lowest to highest, or interval", "to target", ""]
    return lines(head, [bar_row(bar) for bar in bars])


def bar_row(bar: Bar) -> list[str]:
    """One of them."""
    sign = "≥" if bar.bound == "at least" else "≤"
    spread = f"{number(bar.low)} to {number(bar.high)}" if bar.low < bar.high else ""
    return [
        bar.part, bar.what, f"{sign} {number(bar.target)} {bar.unit}".strip(),
        f"{number(bar.measured)} {bar.unit}".strip(), spread,
        f"{bar.ratio:.2f}" if bar.target else "", "met" if bar.met else "**short**",
    ]  # fmt: skip


def table_lines(table: Table) -> str:
    """Samples as the middle of their turns and, in brackets, how far they went."""
    return lines(table.columns, [[cell(each) for each in row] for row in table.rows])


def lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    body = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(body)


def cell(value: str | Sample) -> str:
    """As it is shown."""
    if isinstance(value, str):
        return value
    if value.low == value.high:
        return number(value.middle)
    return f"{number(value.middle)} ({number(value.low)} to {number(value.high)})"


def number(value: float) -> str:
    """Three digits, or all before the point."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
