"""`make backup FILE=` and `make restore FILE=` for the stack of `make run`; `deploy/backup` is the same for containers.

A backup is one tar file, the same from either stack (`archive`): `revision` (of the schema), `schemas.dump` (pg_dump of
the project's own schemas), `models/` and a list of it all. No secret is in it: passwords and tokens belong to a stack.
Nor is Redis, which holds nothing that is not made again.

A backup is taken from a stack that runs or from one that does not. It is restored into a stack that does not run and
holds no predictions; a backup of an older release is migrated, one of a newer release is refused.
"""

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from local.archive.form import DUMP, MODELS, REVISION, told
from local.archive.packing import pack
from local.archive.unpacking import added_models, mark_of, unpack
from local.database import connect_to_postgres, prepare_database
from local.environments import base_environment
from local.errors import CannotRunError
from local.folder import StackFolder
from local.settings import LocalSettings
from local.stack import DATABASE, Stack, plan
from shared.embedded import postgres
from shared.embedded.unprivileged import CannotDropPrivilegesError
from shared.settings.settings import load_settings

SCHEMAS = ("gateway", "metrics", "predictions")
"""What is the project's own in the database; a test holds it to the tables in the code."""

STOP_SECONDS = 30


class Database:
    """The database of a stack, through Postgres's own programs."""

    def __init__(self, password: str, port: int) -> None:
        self._environment = {"PGPASSWORD": password, "PGSSLMODE": "disable"}
        self._where = ["--host=127.0.0.1", f"--port={port}", f"--username={postgres.SUPERUSER}", "--no-password"]

    def ask(self, query: str) -> str:
        """The one value that a query gives."""
        return self._run(["psql", *self._where, "--tuples-only", "--no-align", "--command", query, DATABASE]).strip()

    def dump(self, file: Path) -> None:
        """Writes the project's schemas to `file`; the counts of the limiter are not worth keeping."""
        schemas = [f"--schema={schema}" for schema in SCHEMAS]
        options = ["--format=custom", "--no-unlogged-table-data", *schemas, f"--file={file}"]
        self._run(["pg_dump", *self._where, *options, DATABASE])

    def restore(self, file: Path, revision: str, mark: str) -> None:
        """Puts what is in `file` in the place of the project's schemas: all of it, marked as such, or nothing."""
        command = ["psql", *self._where, "--single-transaction", "--set=ON_ERROR_STOP=1", "--quiet"]
        command += ["--output=/dev/null"]
        begin = f"SET client_min_messages = warning;\nDROP SCHEMA {', '.join(SCHEMAS)} CASCADE;\n"
        end = f"UPDATE public.alembic_version SET version_num = '{revision}';\n"  # noqa: S608 - digits
        end += f"COMMENT ON SCHEMA predictions IS '{mark}';\n"
        with (
            self._start([*command, DATABASE], stdin=subprocess.PIPE) as psql,
            self._start(["pg_restore", "--file=-", str(file)], stdout=subprocess.PIPE) as pg_restore,
        ):
            if psql.stdin is None or pg_restore.stdout is None:
                raise RuntimeError("there are no pipes")
            try:
                psql.stdin.write(begin.encode())
                while piece := pg_restore.stdout.read(1 << 20):
                    psql.stdin.write(piece)
                # Whatever ended before its time must not be committed.
                psql.stdin.write(b"SELECT 1 / 0;\n" if pg_restore.wait() else end.encode())
                psql.stdin.close()
            except BrokenPipeError:
                pg_restore.kill()  # psql says why
        if psql.returncode or pg_restore.returncode:
            raise CannotRunError("the backup could not be restored; nothing was changed")

    def mark(self) -> str:
        """What `restore` marked it with; empty once `unmark` has been called, or if it was never restored."""
        return self.ask("SELECT obj_description('predictions'::regnamespace, 'pg_namespace')")

    def unmark(self) -> None:
        """The restore is complete."""
        self.ask("COMMENT ON SCHEMA predictions IS NULL")

    def _run(self, command: list[str]) -> str:
        with self._start(command, stdout=subprocess.PIPE) as process:
            output, _ = process.communicate()
        if process.returncode:
            raise CannotRunError(f"{command[0]} failed")
        return output.decode()

    def _start(
        self, command: list[str], stdin: int = subprocess.DEVNULL, stdout: int | None = None
    ) -> "subprocess.Popen[bytes]":
        program, *arguments = command
        words = [postgres.program(program), *arguments]
        return subprocess.Popen(words, stdin=stdin, stdout=stdout, env=self._environment)


def back_up(settings: LocalSettings, file: Path) -> None:
    """Writes the backup of a stack, running or not. The file appears once it is complete."""
    ours_only(settings)
    folder = StackFolder(settings.local_dir)
    if not (folder.postgres / "PG_VERSION").exists():
        raise CannotRunError(f"there is no stack in {folder.path}")
    if file.is_dir() or not file.parent.is_dir():
        raise CannotRunError(
            f"FILE: {file} is a folder" if file.is_dir() else f"FILE: there is no folder {file.parent}"
        )
    with tempfile.TemporaryDirectory(dir=folder.path) as work, database_of(settings, folder) as database:
        dump, revision = Path(work) / DUMP, Path(work) / REVISION
        database.dump(dump)
        found = database.ask("SELECT version_num FROM public.alembic_version")
        revision.write_text(found + "\n")
        left_out = pack(file, revision, dump, settings.models_dir)
        count = database.ask("SELECT count(*) FROM predictions.prediction")
    say(f"{count} predictions and the models of {settings.models_dir} are in {file}")
    for line in left_out:
        say(f"not in it: {line}")
    if waiting := sum(path.stat().st_size for path in folder.journal.glob("*.journal")):
        say(f"not in it: {waiting} bytes that wait in the journal for Postgres")


def restore(settings: LocalSettings, file: Path) -> None:
    """Fills an empty stack, which does not run, with a backup.

    One that was killed when the database was complete and the models were not is completed when it is repeated.
    """
    ours_only(settings)
    folder = StackFolder(settings.local_dir)
    with tempfile.TemporaryDirectory() as work:
        revision = unpack(file, Path(work))
        folder.prepare()
        with own_postgres(settings, folder) as (stack, database, alive):
            asyncio.run(prepare_database(stack, alive))
            mark = mark_of(Path(work))
            is_half_done = database.mark() == mark
            if not is_half_done:
                check_is_empty(database, folder)
            with added_models(Path(work) / MODELS, settings.models_dir) as added:
                if not is_half_done:
                    database.restore(Path(work) / DUMP, revision, mark)
            database.unmark()
            asyncio.run(prepare_database(stack, alive))
            count = database.ask("SELECT count(*) FROM predictions.prediction")
    say(f"{count} predictions are in {folder.path}, {added} versions of models were added to {settings.models_dir}")


def check_is_empty(database: Database, folder: StackFolder) -> None:
    """Raises CannotRunError when a restore would replace predictions."""
    if (count := database.ask("SELECT count(*) FROM predictions.prediction")) != "0":
        half = f", and {mark}: repeat its restore, or" if (mark := database.mark()) else ";"
        raise CannotRunError(f"{folder.path} holds {count} predictions{half} choose an empty LOCAL_DIR=")


@contextmanager
def database_of(settings: LocalSettings, folder: StackFolder) -> Iterator[Database]:
    """The database of a stack: that of its running Postgres, or of one that is started for this."""
    if port := folder.port_of_running_postgres():
        yield Database(folder.stored_passwords()["postgres"], port)
        return
    folder.prepare()
    with own_postgres(settings, folder) as (_, database, _):
        yield database


@contextmanager
def own_postgres(settings: LocalSettings, folder: StackFolder) -> Iterator[tuple[Stack, Database, Callable[[], None]]]:
    """The stack's Postgres alone, for as long as the block lasts; its words go to a file beside the data."""
    stack = plan(settings, folder)
    postgres.create_cluster(folder.postgres, stack.passwords["postgres"])
    log = folder.path / "postgres.log"
    with log.open("ab") as written:
        server = subprocess.Popen(
            tied(stack.stores[0].command), stdout=written, stderr=written, cwd="/", env=base_environment(folder.path)
        )
        alive = partial(still_runs, server, log)
        try:
            asyncio.run(until_it_answers(stack, alive))
            yield stack, Database(stack.passwords["postgres"], stack.ports["postgres"]), alive
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(STOP_SECONDS)


def tied(command: list[str]) -> list[str]:
    """`command` such that it gets SIGINT when we are killed, where the system can do that (Linux)."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return command
    return [setpriv, "--pdeathsig=INT", *(command[1:] if command[0] == setpriv else ["--", *command])]


async def until_it_answers(stack: Stack, still_runs: Callable[[], None]) -> None:
    """Returns once Postgres takes connections."""
    await (await connect_to_postgres(stack, still_runs)).close()


def still_runs(server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Raises CannotRunError when Postgres has ended."""
    if server.poll() is not None:
        raise CannotRunError(f"Postgres ended with {server.returncode}; it says why in {log}")


def ours_only(settings: LocalSettings) -> None:
    """Raises CannotRunError when DATABASE_URL names another Postgres."""
    if settings.database_url is not None:
        raise CannotRunError("DATABASE_URL is set: back up a Postgres of your own with pg_dump, or leave it out")


def say(text: str) -> None:
    """One line for the person who asked."""
    sys.stdout.write(f"make {sys.argv[1]}: {text}\n")


def main() -> int:
    """`python -m local backup|restore FILE`."""
    work = {"backup": back_up, "restore": restore}
    if len(sys.argv) != 3 or sys.argv[1] not in work or not sys.argv[2]:
        sys.stderr.write("usage: make backup FILE=…, make restore FILE=…\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # nothing is left behind
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        work[sys.argv[1]](load_settings(LocalSettings, f"make {sys.argv[1]}"), Path(sys.argv[2]))
    except (CannotRunError, CannotDropPrivilegesError) as error:
        sys.stderr.write(f"make {sys.argv[1]}: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"make {sys.argv[1]}: {told(error)}\n")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0
