"""`python -m benchmarks [scenario or group …]`: runs them, prints one table, and keeps what was found.

Servers are started and ended here, on loopback only; `--minutes` bounds everything.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
import traceback
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from benchmarks.harness import environments, machine
from benchmarks.harness.ending import ending
from benchmarks.harness.markdown import bars_table, document
from benchmarks.harness.plots import draw
from benchmarks.harness.report import Report, Result, load
from benchmarks.options import QUICK, Options, default_model
from benchmarks.scenarios import GROUPS, SCENARIOS


def main() -> int:
    """Exit code 1 when a scenario could not be run; a bar that is not met is a result."""
    arguments = parse()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: apt-get install wrk")
    ending.listen(arguments.minutes * 60)
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, Postgres runs as somebody else
        report = run_all(chosen(arguments.scenarios), options_of(arguments, folder))
    print(document(report) if arguments.details else bars_table(report.bars))
    if arguments.into:
        keep(updated(report, arguments.into) if arguments.update else report, arguments.into)
    return 1 if any(result.failed for result in report.results.values()) else 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*GROUPS, *SCENARIOS]
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=f"{', '.join(names)}; none: all")
    parser.add_argument("--quick", action="store_true", help="see that everything works; the figures mean nothing")
    parser.add_argument("--turns", type=int, default=Options.turns, help="of a target that is started for each")
    parser.add_argument("--short-turns", type=int, default=Options.short_turns, help="of one that runs all the time")
    parser.add_argument("--pairs", type=int, default=Options.pairs, help="of turns whose processor time is compared")
    parser.add_argument("--rows", type=int, default=Options.rows, help="of the largest table")
    parser.add_argument("--model", default=default_model(), help="the ONNX model to serve besides the lexicon")
    parser.add_argument("--containers", default=os.environ.get("CONTAINERS"), help="URL of a stack in containers")
    parser.add_argument("--into", type=Path, help="folder for the report as JSON and Markdown, and the plots")
    parser.add_argument("--update", action="store_true", help="keep what the report there has of other scenarios")
    parser.add_argument("--details", action="store_true", help="print every table, not only the bars")
    parser.add_argument("--minutes", type=int, default=60, help="after which everything is ended")
    arguments = parser.parse_args()
    if unknown := set(arguments.scenarios) - set(names):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    return arguments


def chosen(names: list[str]) -> list[str]:
    """The scenarios that are meant, in their order."""
    meant = {scenario for name in names for scenario in GROUPS.get(name, (name,))}
    return [scenario for scenario in SCENARIOS if not names or scenario in meant]


def options_of(arguments: argparse.Namespace, folder: Path) -> Options:
    """What the command line asks for."""
    options = {"turns": arguments.turns, "short_turns": arguments.short_turns}
    options |= {"pairs": arguments.pairs, "rows": arguments.rows}
    options |= QUICK if arguments.quick else {}
    return Options(**options, model=arguments.model, containers=arguments.containers, folder=folder)


def run_all(scenarios: list[str], options: Options) -> Report:
    """One after the other; a scenario that fails is reported and does not end the run."""
    report, begun = Report(machine.machine(), machine.versions()), time.perf_counter()
    for name in scenarios:
        print(f"{name} …", flush=True)
        measured = f"{datetime.now(UTC):%Y-%m-%d} at a load of {os.getloadavg()[0]:.1f}"
        started = time.perf_counter()
        result = run(name, options)
        result.measured = measured
        result.seconds = time.perf_counter() - started
        report.results[name] = result
        for line in result.skipped:
            print(f"  skipped: {line}")
        print(f"  {result.seconds:.0f} s", flush=True)
    report.versions |= environments.versions()
    report.seconds = time.perf_counter() - begun
    return report


def run(name: str, options: Options) -> Result:
    """One scenario; imported only now, since what it compares with may be missing."""
    try:
        scenario = import_module(f"benchmarks.scenarios.{name}")
        return scenario.run(options)  # type: ignore[no-any-return]  # by the modules' convention
    except Exception as error:  # noqa: BLE001 -- whatever it is, the other scenarios are still worth running
        traceback.print_exc()
        return Result(name, skipped=[f"{name}: {type(error).__name__}: {error}"], failed=True)


def updated(report: Report, folder: Path) -> Report:
    """With what the report in the folder has of other scenarios, as far as they are still asked."""
    earlier = folder / "report.json"
    return report.with_earlier(load(earlier).only(SCENARIOS)) if earlier.exists() else report


def keep(report: Report, folder: Path) -> None:
    """JSON, Markdown and plots."""
    folder.mkdir(parents=True, exist_ok=True)
    report.save(folder / "report.json")
    (folder / "report.md").write_text(document(report), encoding="utf-8")
    for result in report.results.values():
        for plot in result.plots:
            draw(plot, folder / f"{plot.name}.svg")


if __name__ == "__main__":
    sys.exit(main())
