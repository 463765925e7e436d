"""A Postgres that ends while the stack starts ends the wait for it; one that is not ready yet is no error."""

import os
import re
import shutil
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from local.errors import CannotRunError
from local.log_stream import LogStream, shaped
from local.ports import wait_until_it_listens
from shared.processes.waiting import wait_until
from tests.stack import LocalStack

AT_ONCE_SECONDS = 30
"""Far below the minute that a start may take; far above what a loaded machine takes to see it."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a stack that has run once."""
    folder = tmp_path_factory.mktemp("made") / "local"
    stack = LocalStack(folder, DEFAULT_MODEL="sentiment-lexicon").start()
    stack.end()
    return folder


SPOILED = {
    "of another version": lambda postgres: (postgres / "PG_VERSION").write_text("12\n"),
    "with a wrong setting": lambda postgres: (postgres / "postgresql.conf").write_text("no_such_setting = 5\n"),
    "without its control file": lambda postgres: (postgres / "global" / "pg_control").unlink(),
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_postgres_that_refuses_for_good_ends_the_start_with_its_own_words(
    made: Path, tmp_path: Path, how: str
) -> None:
    folder = tmp_path / "local"
    shutil.copytree(made, folder, copy_function=shutil.copy2)
    copy_owners(made, folder)
    SPOILED[how](folder / "postgres")
    began = time.monotonic()
    stack = LocalStack(folder, DEFAULT_MODEL="sentiment-lexicon").launch()
    assert stack.process.wait(AT_ONCE_SECONDS) == 1
    stack.collector.join(10)
    assert time.monotonic() - began < AT_ONCE_SECONDS
    (line,) = [line for line in stack.output if line.startswith("make run: ") and "stopping" not in line]
    assert line.startswith("make run: Postgres ended: ")
    assert stack.processes() == []


def copy_owners(source: Path, target: Path) -> None:
    """Postgres runs as who owns its files."""
    for path in [source, *source.rglob("*")]:
        shutil.chown(target / path.relative_to(source), path.stat().st_uid, path.stat().st_gid)


def test_passwords_that_postgres_does_not_know_end_the_start(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "local"
    shutil.copytree(made, folder)
    copy_owners(made, folder)
    secrets = folder / "secrets.json"
    secrets.write_text(re.sub(r'"postgres": "[^"]*"', '"postgres": "of-another-stack"', secrets.read_text()))
    stack = LocalStack(folder, DEFAULT_MODEL="sentiment-lexicon").launch()
    assert stack.process.wait(AT_ONCE_SECONDS) == 1
    stack.collector.join(10)
    assert any(line.startswith("make run: Postgres lets nobody in: password") for line in stack.output)


@pytest.mark.parametrize(
    "text",
    ["the database system is starting up", "the database system is shutting down",
     "the database system is not yet accepting connections", "the database system is in recovery mode"],
)  # fmt: skip
def test_not_yet_is_no_error(text: str) -> None:
    line = shaped(f"2026-01-02 12:00:00.000 UTC postgres FATAL:  {text}")
    assert line.shown == f"12:00:00.000 INFO    postgres           {text}"


@pytest.mark.parametrize("text", ['role "x" does not exist', "could not write lock file: No space left on device"])
def test_what_is_fatal_stays_an_error(text: str) -> None:
    assert " ERROR " in shaped(f"2026-01-02 12:00:00.000 UTC postgres FATAL:  {text}").shown


def test_the_end_of_a_program_is_remembered_with_its_last_word(capsys: pytest.CaptureFixture[str]) -> None:
    log = LogStream()
    log.relay([
        "2026-01-02 12:00:00.000 UTC postgres FATAL:  the database system is starting up\n",
        "2026-01-02 12:00:00.000 UTC postgres PANIC:  could not write to file: No space left on device\n",
        "2026-01-02 12:00:00,000 WARN exited: postgres (exit status 1; not expected)\n",
        "2026-01-02 12:00:00,000 WARN exited: redis (terminated by SIGKILL; not expected)\n",
        "2026-01-02 12:00:00,000 INFO spawned: 'postgres' with pid 5\n",
    ])  # fmt: skip
    assert log.ended == {
        "postgres": "could not write to file: No space left on device",
        "redis": "terminated by SIGKILL; not expected",
    }
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_a_log_that_nobody_reads_any_more_is_followed_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `make run | head`: else supervisord stands still as soon as the pipe from it, of 64 KiB, is full."""
    reader, writer = os.pipe()
    os.close(reader)
    log, line = LogStream(), "x" * 1023 + "\n"
    lines = iter([*([line] * 1024), "2026-01-02 12:00:00,000 WARN exited: redis (exit status 1; not expected)\n"])
    with suppress(BrokenPipeError), os.fdopen(writer, "w") as nobody:
        monkeypatch.setattr(sys, "stdout", nobody)
        log.relay(lines)
    assert next(lines, None) is None
    assert log.ended == {"redis": "exit status 1; not expected"}


def test_a_server_that_will_never_listen_is_not_waited_for() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        calls = iter([None, None])

        def still_runs() -> None:
            try:
                next(calls)
            except StopIteration:
                raise CannotRunError("it has ended") from None

        with pytest.raises(CannotRunError, match="it has ended"):
            wait_until_it_listens(silent.getsockname()[1], still_runs)


def test_a_supervisor_that_ends_at_the_start_is_one_line(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path / "local", DEFAULT_MODEL="sentiment-lexicon").launch()
    wait_until(lambda: any("supervisor" in " ".join(p.cmdline()) for p in stack.processes()), "supervisord")
    stack.process_of("supervisor").send_signal(signal.SIGKILL)
    assert stack.process.wait(AT_ONCE_SECONDS) == 1
    stack.collector.join(10)
    assert any(line.startswith("make run: the supervisor ended with") for line in stack.output)
    assert stack.processes() == []
