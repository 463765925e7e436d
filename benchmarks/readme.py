"""The README's figures, made from the report: `python -m benchmarks.readme` writes them, `--check` says if they differ.

`python -m benchmarks.readme --agree OTHER.json` says whether two runs agree within 15 % in every ratio.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.harness.environments import BENCHMARKS
from benchmarks.harness.markdown import bars_table, conditions
from benchmarks.harness.report import Report, disagreements, load

README, REPORT = BENCHMARKS.parent / "README.md", BENCHMARKS / "results" / "report.json"
BEGIN, END = "<!-- begin: python -m benchmarks.readme -->", "<!-- end -->"
AGREEMENT = 0.15
PLOTS = ("throughput-sentiment-lexicon", "cost-over-rows")


def section(report: Report) -> str:
    """Between the markers."""
    plots = [plot for answer in report.answers.values() for plot in answer.plots if plot.name in PLOTS]
    images = "\n".join(f"![{plot.title}](benchmarks/results/{plot.name}.svg)" for plot in plots)
    return "\n\n".join(part for part in (conditions(report), bars_table(report.bars), images) if part)


def with_section(text: str, new: str) -> str:
    """The text with what is between the markers replaced. Raises ValueError without markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the text has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{new}\n\n{END}{after}"


def main() -> int:
    """Exit code 1 when something differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("--agree", type=Path, metavar="OTHER.json", help="compare the report with another run's")
    arguments = parser.parse_args()
    report = load(REPORT)
    if arguments.agree:
        differing = disagreements(report.bars, load(arguments.agree).bars, AGREEMENT)
        print("\n".join(differing) or f"all ratios agree within {AGREEMENT:.0%}")
        return 1 if differing else 0
    text = README.read_text(encoding="utf-8")
    wanted = with_section(text, section(report))
    if arguments.check:
        return 0 if wanted == text else 1
    README.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
