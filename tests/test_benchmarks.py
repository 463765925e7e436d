"""The benchmarks judge right, keep what they found, agree or say where not, and leave no process behind."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.compare import agrees, alone, pairs, table
from benchmarks.harness.calibration import cores
from benchmarks.harness.contest import Contestant, Duel, Turn, contest, is_steady
from benchmarks.harness.load import parsed
from benchmarks.harness.markdown import bars_table, document
from benchmarks.harness.report import Bar, Plot, Report, Result, Table, bar, load
from benchmarks.harness.servers import Probe, Server
from benchmarks.harness.turns import Paired, Sample, alternate
from benchmarks.readme import BEGIN, END, README, REPORT, section, with_section
from benchmarks.scenarios import GROUPS, SCENARIOS
from benchmarks.targets import served_model
from shared.embedded.ports import free_ports
from shared.processes.waiting import wait_until

REPOSITORY = Path(__file__).parent.parent
FASTER = bar("gateway", "ours, to theirs", "at least", 2, "×", Sample([2.5, 1.5, 3.0]))
SLOWER = bar("predictions", "p99", "at most", 60, "ms", Sample([70.0]))


def report() -> Report:
    table = Table("Rates", ["", "a second"], [["ours", Sample([30.0, 10.0, 20.0])], ["theirs", "–"]])
    plot = Plot("rates", "Rates", "connections", "a second", [1.0, 64.0], {"ours": [1.0, None]})
    result = Result("How fast?", [SLOWER, FASTER], [table], [plot], ["BentoML: not to be had"], 1.5)
    return Report({"processor": "2 × fast"}, {"uvicorn": "1.0"}, {"speed": result}, 90.0)


def test_a_bar_is_judged_by_the_middle_of_its_turns_and_tells_how_far_they_went() -> None:
    assert (FASTER.measured, FASTER.low, FASTER.high, FASTER.ratio, FASTER.met) == (2.5, 1.5, 3.0, 1.25, True)
    assert not SLOWER.met
    assert bar("gateway", "errors", "at most", 0, "", 0).met
    assert not bar("gateway", "errors", "at most", 0, "", 1).met


def test_the_table_has_every_bar_by_part_and_says_which_is_short() -> None:
    rows = bars_table(report().bars).splitlines()[2:]
    assert rows == [
        "| gateway | ours, to theirs | ≥ 2.00 × | 2.50 × | 1.50 to 3.00 | 1.25 | met |",
        "| predictions | p99 | ≤ 60.0 ms | 70.0 ms |  | 1.17 | **short** |",
    ]


def test_the_document_has_tables_plots_and_what_was_left_out() -> None:
    text = document(report())
    for part in ("2 × fast", "uvicorn 1.0", "| ours | 20.0 (10.0 to 30.0) |", "![Rates](rates.svg)", "not to be had"):
        assert part in text


def test_a_report_is_the_same_after_it_was_kept(tmp_path: Path) -> None:
    report().save(tmp_path / "report.json")
    assert document(load(tmp_path / "report.json")) == document(report())


def run_with(*bars: Bar) -> Report:
    return Report({}, {}, {"speed": Result("How fast?", list(bars))})


def test_two_runs_agree_when_their_ratios_do_whatever_the_times_were() -> None:
    slower = bar("predictions", "p99", "at most", 60, "ms", 30.0)
    near, far = (bar("gateway", "ours, to theirs", "at least", 2, "×", ratio) for ratio in (2.85, 2.15))
    assert [agrees(*pair) for pair in pairs(run_with(FASTER, SLOWER), run_with(slower, near))] == [True, True]
    assert [agrees(*pair) for pair in pairs(run_with(FASTER, SLOWER), run_with(slower, far))] == [False, True]
    assert table(pairs(run_with(FASTER, SLOWER), run_with(slower, far))).splitlines()[2:] == [
        "| gateway | ours, to theirs | 2.50 × | 2.15 × | 16% | **differ** |",
        "| predictions | p99 | 70.0 ms | 30.0 ms | 133% |  |",
    ]


def test_a_scenario_that_is_run_again_stands_in_for_its_earlier_result_alone() -> None:
    earlier = Report(
        {},
        {"old": "1", "same": "1"},
        {"a": Result("A"), "b": Result("B", measured="2026-01-01 at night", seconds=30)},
        seconds=100,
    )
    found = Report({}, {"same": "2"}, {"c": Result("C"), "a": Result("A anew", measured="2026-02-02 at noon")}, 20)
    merged = found.with_earlier(earlier)
    assert [(name, result.title) for name, result in merged.results.items()] == [
        ("a", "A anew"),
        ("b", "B"),
        ("c", "C"),
    ]
    assert (merged.versions, merged.seconds) == ({"old": "1", "same": "2"}, 50)
    said = "Not all in one run: `a`: 2026-02-02; `b`: 2026-01-01; `c`: in an earlier run."
    assert said in document(merged)


def test_what_was_measured_on_another_machine_says_so_and_what_is_asked_no_more_goes() -> None:
    slow, fast = {"processor": "2 × slow"}, {"processor": "2 × fast"}
    first = Report(slow, {}, {"a": Result("A"), "b": Result("B"), "gone": Result("Gone")}).only(("a", "b"))
    second = Report(fast, {}, {"a": Result("A anew", measured="2026-02-02 at noon")}).with_earlier(first)
    assert "Not all in one run: `a`: 2026-02-02; `b`: in an earlier run on 2 × slow." in document(second)
    third = Report(slow, {}, {"c": Result("C")}).with_earlier(second)
    assert [(name, result.elsewhere) for name, result in third.results.items()] == [
        ("a", "2 × fast"),
        ("b", ""),
        ("c", ""),
    ]


def test_what_only_one_run_has_is_named_and_not_compared() -> None:
    one, other = run_with(FASTER), run_with(FASTER, SLOWER)
    assert pairs(one, other) == [(FASTER, FASTER)]
    assert alone(one, other) == alone(other, one) == [SLOWER.what]


def test_contestants_take_turns_and_nobody_is_always_first() -> None:
    order: list[str] = []
    found = alternate({name: lambda name=name: order.append(name) or len(order) for name in "ab"}, 3)
    assert order == list("abbaab")
    assert found == {"a": [1, 4, 5], "b": [2, 3, 6]}


def test_the_interval_of_a_median_has_it_in_95_percent_of_all_cases() -> None:
    """Between the 3rd and the 10th of twelve: outside with 2 · (1 + 12 + 66) / 2¹² = 3.9 %; one further in, 14.6 %."""
    ratios = Paired([*range(12, 0, -1)])
    assert (ratios.low, ratios.middle, ratios.high) == (3, 6.5, 10)
    assert (Paired([3, 1, 2]).low, Paired([3, 1, 2]).high) == (1, 3)


class Worker:
    """Does ten requests at a time, each at the same cost."""

    def __init__(self, name: str, cost: float, order: list[str], fails: bool = False) -> None:
        self.name, self.cost, self.order, self.fails = name, cost, order, fails
        self.seconds = {"gateway": 5.0, "service": 7.0}

    def work(self, seconds: float) -> int:
        if self.fails:
            raise RuntimeError(f"{self.name} is broken")
        self.order.append(self.name)
        for role in self.seconds:
            self.seconds[role] += 10 * self.cost / 2
        return 10

    @property
    def contestant(self) -> Contestant:
        return Contestant(self.work, lambda: dict(self.seconds))


def test_the_one_takes_a_turn_beside_each_of_the_others_first_and_second_by_turns() -> None:
    order: list[str] = []
    ours, theirs, broken = Worker("ours", 2, order), Worker("theirs", 4, order), Worker("broken", 1, order, fails=True)
    skipped: dict[str, str] = {}
    others = {"broken": broken.contestant, "theirs": theirs.contestant}
    duel = contest(ours.contestant, others, 3, 0.1, skipped)["theirs"]
    assert skipped == {"broken": "broken is broken"}
    assert 3 <= len(duel.pairs) <= 6
    assert order[:6] == ["ours", "ours", "theirs", "theirs", "ours", "ours"]  # the first was beside the broken one
    assert (duel.ratio().middle, duel.ratio("gateway").middle) == (pytest.approx(0.5), pytest.approx(0.25))
    assert (duel.own().middle, duel.own("service").middle) == (pytest.approx(2e6), pytest.approx(1e6))
    with pytest.raises(RuntimeError, match="broken is broken"):
        contest(ours.contestant, others, 1, 0.1)
    with pytest.raises(RuntimeError, match="broken is broken"):
        contest(broken.contestant, {"theirs": theirs.contestant}, 1, 0.1, skipped)


def turn_of(cost: float, *around: tuple[float, float]) -> Turn:
    return Turn({"server": cost}, 100, (around[0], around[-1]))


def test_a_pair_in_which_a_core_changed_its_speed_does_not_count() -> None:
    steady = turn_of(3, (100, 150), (110, 140)), turn_of(2, (105, 150))
    slower_core = turn_of(90, (100, 150), (100, 250)), turn_of(2, (100, 150))
    slower_other = turn_of(3, (100, 150)), turn_of(90, (140, 150))
    assert [is_steady(*pair) for pair in (steady, slower_core, slower_other)] == [True, False, False]
    duel = Duel([steady, slower_core, steady, slower_other, steady])
    assert (duel.ratio().values, duel.said) == ([1.5, 1.5, 1.5], "3 of 5")
    few = Duel([steady, slower_core])
    assert (few.ratio().values, few.said) == ([1.5, 45], "all 2: 1 were steady")


def test_ratios_of_pairs_are_kept_as_such_and_two_runs_must_agree_closer_in_them(tmp_path: Path) -> None:
    def run_of(middle: float) -> Report:
        ratios = Paired([middle - 0.1, middle, middle + 0.1])
        return run_with(bar("gateway", "cost, to theirs", "at most", 2, "×", ratios))

    one, near, far = run_of(1.0), run_of(1.06), run_of(1.08)
    assert [agrees(*pair) for pair in (*pairs(one, near), *pairs(one, far))] == [True, False]
    one.results["speed"].tables.append(Table("Cost", ["", ""], [["ours", Paired([*range(12)])]]))
    one.save(tmp_path / "report.json")
    assert document(load(tmp_path / "report.json")) == document(one)


def test_the_cores_are_read_one_by_one_and_may_all_be_used_afterwards() -> None:
    allowed = os.sched_getaffinity(0)
    readings = cores()
    assert len(readings) == len(allowed)
    assert min(readings) > 0
    assert os.sched_getaffinity(0) == allowed


def test_what_wrk_says_is_understood() -> None:
    line = '{"requests": 100, "microseconds": 2000000, "p50_us": 1500, "p99_us": 9000, "refused": 3, "broken": 1}'
    load = parsed(f"Running 2s test\n{line}\n")
    assert (load.rate, load.p50_ms, load.p99_ms, load.failed) == (50, 1.5, 9, 4)


@pytest.mark.parametrize("name", ["sentiment-lexicon", "spam-words", "sentiment"])
def test_what_peers_serve_is_the_same_model(tmp_path: Path, name: str) -> None:
    model = served_model(name, tmp_path)
    code = "import json, model; print(json.dumps(model.Model().answer(['What a wonderful little server!'])))"
    paths = [REPOSITORY / "benchmarks" / "peers", REPOSITORY / "prediction-service", REPOSITORY / "shared"]
    environment = os.environ | {"MODEL": str(model.folder), "PYTHONPATH": os.pathsep.join(map(str, paths))}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    (answer,) = json.loads(said.stdout)
    assert answer["label"] == max(answer["scores"], key=answer["scores"].get)
    assert answer["confidence"] == answer["scores"][answer["label"]] > 0.5


def test_the_service_without_keys_starts_like_the_service() -> None:
    """As far as its settings, of which one is missing."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command = [sys.executable, "-m", "benchmarks.without_keys"]
    ended = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert "DATABASE_URL" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_server_is_gone_with_all_it_has_started(tmp_path: Path) -> None:
    port = next(free_ports())
    serve = ["-m", "http.server", str(port), "--bind", "127.0.0.1"]
    start = f"import subprocess, sys; subprocess.run([sys.executable, *{serve}], start_new_session=True)"
    with Server([sys.executable, "-c", start], port, tmp_path).running(Probe("/")) as server:
        processes = server.processes()
        assert len(processes) == 2
        assert server.usage()["server"].mebibytes > 1
    assert not any(process.is_running() for process in processes)


def test_a_server_that_ends_by_itself_is_said_to_with_its_last_words(tmp_path: Path) -> None:
    server = Server([sys.executable, "-c", "raise SystemExit('no licence')"], next(free_ports()), tmp_path)
    with pytest.raises(RuntimeError, match="no licence"), server.running():
        pytest.fail("it does not run")


def test_every_scenario_belongs_to_one_target_of_the_makefile() -> None:
    assert sorted(name for group in GROUPS.values() for name in group) == sorted(SCENARIOS)
    makefile = (REPOSITORY / "Makefile").read_text()
    assert all(re.search(rf"^bench-{group}:", makefile, re.MULTILINE) for group in GROUPS)
    assert all((REPOSITORY / "benchmarks" / "scenarios" / f"{name}.py").exists() for name in SCENARIOS)


def test_what_stands_between_the_markers_is_replaced() -> None:
    assert with_section(f"a {BEGIN} old {END} z", "new") == f"a {BEGIN}\n\nnew\n\n{END} z"
    with pytest.raises(ValueError, match="has no"):
        with_section("no markers", "new")


def test_the_readme_says_what_the_report_says() -> None:
    text = README.read_text()
    assert BEGIN in text
    assert END in text
    if REPORT.exists():
        assert with_section(text, section(load(REPORT))) == text


SLOW_TO_END = """
import signal, sys, time
from http.server import HTTPServer, BaseHTTPRequestHandler

def end(*_):
    print("ending", flush=True)
    time.sleep(1)
    sys.exit()

signal.signal(signal.SIGTERM, end)
HTTPServer(("127.0.0.1", int(sys.argv[1])), BaseHTTPRequestHandler).serve_forever()
"""
RUN = f"""
import sys, time
from pathlib import Path
from benchmarks.harness.ending import ending
from benchmarks.harness.servers import Server

ending.listen(60)
port, folder, seconds = sys.argv[1:]
with Server([sys.executable, "-c", {SLOW_TO_END!r}, port], int(port), Path(folder)).running() as server:
    print(server.processes()[0].pid, flush=True)
    time.sleep(float(seconds))
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGALRM])
@pytest.mark.parametrize("meanwhile", ["it measures", "it ends a server"])
def test_a_run_that_is_told_to_end_ends_its_servers(tmp_path: Path, number: signal.Signals, meanwhile: str) -> None:
    port = next(free_ports())
    command = [sys.executable, "-c", RUN, str(port), str(tmp_path), "60" if meanwhile == "it measures" else "0"]
    run = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    served = psutil.Process(int(run.stdout.readline()))
    if meanwhile == "it ends a server":
        wait_until(lambda: "ending" in (tmp_path / f"{port}.log").read_text(), "the server to be told")
    run.send_signal(number)
    assert run.wait(30) == 128 + number
    assert not served.is_running()
