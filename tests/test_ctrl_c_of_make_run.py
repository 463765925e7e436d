"""Ctrl-C is quiet whenever it comes: no traceback, and the exit code that a shell expects."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from local.folder import StackFolder
from local.run import stop
from shared.processes.waiting import wait_until
from tests.stack import REPOSITORY, LocalStack

AT_AN_IMPORT = """
import signal, sys

class Stops:
    '''Is asked for every module first; at the one that is named, Ctrl-C comes.'''

    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Stops())
"""

AFTER_A_START = """
import signal, subprocess

start = subprocess.Popen.__init__

def start_and_stop(process, command, *rest, **options):
    start(process, command, *rest, **options)
    if "supervisor.supervisord" in command:
        signal.raise_signal(signal.SIGINT)

subprocess.Popen.__init__ = start_and_stop
"""


@pytest.mark.parametrize("module", ["pydantic_core", "shared.database.urls", "local.stack"])
@pytest.mark.parametrize("command", [("run",), ("psql",), ("backup", "/dev/null")])
def test_ctrl_c_amid_the_imports_is_quiet(tmp_path: Path, module: str, command: tuple[str, ...]) -> None:
    (tmp_path / "sitecustomize.py").write_text(AT_AN_IMPORT.format(name=module))
    ended = subprocess.run(
        [sys.executable, "-m", "local", *command],
        env={"PYTHONPATH": f"{REPOSITORY / 'deploy'}:{tmp_path}", "LOCAL_DIR": str(tmp_path / "local")},
        cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
    assert not (tmp_path / "local").exists()


@pytest.mark.parametrize("until", ["the folder", "the cluster", "a process"])
def test_ctrl_c_before_everything_runs_ends_in_order(tmp_path: Path, until: str) -> None:
    stack = LocalStack(tmp_path / "local", DEFAULT_MODEL="sentiment-lexicon").launch()
    reached = {
        "the folder": (stack.folder / "lock").exists,
        "the cluster": (stack.folder / "postgres" / "PG_VERSION").exists,
        "a process": lambda: stack.processes() != [],
    }[until]
    wait_until(reached, until, stack.still_runs, 60)
    assert stack.end(signal.SIGINT) == 130
    stack.collector.join(10)
    assert "Traceback" not in "".join(stack.output)
    assert stack.processes() == []


def test_ctrl_c_before_it_is_known_that_the_supervisor_runs_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(AFTER_A_START)
    stack = LocalStack(tmp_path / "local")
    stack.environment["PYTHONPATH"] += f":{tmp_path}"
    assert stack.launch().process.wait(120) == 130
    assert stack.processes() == []


def test_a_stack_whose_output_nobody_reads_any_more_is_ended_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(["sleep", "600"]) as process, suppress(BrokenPipeError), os.fdopen(writer, "w") as nobody:
        monkeypatch.setattr(sys, "stdout", nobody)
        try:
            stop(process, StackFolder(tmp_path))
        finally:
            ended = process.poll()
            process.kill()
    assert ended == -signal.SIGTERM
