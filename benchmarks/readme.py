"""The README's figures, from the report: `python -m benchmarks.readme` writes them, `--check` says if they differ."""

import argparse
import sys

from benchmarks.harness.environments import BENCHMARKS
from benchmarks.harness.markdown import bars_table, conditions
from benchmarks.harness.report import Report, load

README, REPORT = BENCHMARKS.parent / "README.md", BENCHMARKS / "results" / "report.json"
BEGIN, END = "<!-- begin: python -m benchmarks.readme -->", "<!-- end -->"
PLOTS = ("throughput-sentiment-lexicon", "cost-over-rows")


def section(report: Report) -> str:
    """Between the markers."""
    plots = [plot for result in report.results.values() for plot in result.plots if plot.name in PLOTS]
    images = "\n".join(f"![{plot.title}](benchmarks/results/{plot.name}.svg)" for plot in plots)
    link = "[All tables and plots of that run](benchmarks/results/report.md)"
    return "\n\n".join(part for part in (conditions(report), bars_table(report.bars), images, link) if part)


def with_section(text: str, new: str) -> str:
    """The text with what is between the markers replaced. Raises ValueError without markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the text has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{new}\n\n{END}{after}"


def main() -> int:
    """Exit code 1 when they differ and must not be written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    arguments = parser.parse_args()
    text = README.read_text(encoding="utf-8")
    wanted = with_section(text, section(load(REPORT)))
    if arguments.check:
        return 0 if wanted == text else 1
    README.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
