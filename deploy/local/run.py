"""`make run`.

Settings → folder → leftovers of a killed run → plan → cluster → stores → migrations → services → until Ctrl-C.
"""

import asyncio
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from types import FrameType

from local.archive.form import told
from local.database import prepare_database
from local.environments import base_environment, environment
from local.errors import CannotRunError
from local.folder import StackFolder
from local.health import base_url, wait_until_started
from local.leftovers import end_leftovers
from local.log_stream import LogStream
from local.ports import check_ports, wait_until_it_listens
from local.services import SERVICES, settings_class
from local.settings import LocalSettings
from local.stack import Stack, plan
from local.supervisor import Supervisor
from shared.embedded import postgres
from shared.embedded.unprivileged import CannotDropPrivilegesError
from shared.settings.settings import load_settings

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

STOP_SECONDS = 4.5
"""After that long, what has not ended in order is killed."""


class StopRequested(BaseException):  # a BaseException, like KeyboardInterrupt: no handler of errors may swallow it
    """Ctrl-C, SIGTERM or a closed terminal."""


def main() -> int:
    """Runs the stack until it is told to stop; returns the exit code: 0 when it ran, as `leave` when not yet."""
    try:
        for number in STOPS:
            signal.signal(number, on_signal)
        run(load_settings(LocalSettings, "make run"))
    except (CannotRunError, CannotDropPrivilegesError) as error:
        return fail(str(error))
    except OSError as error:  # a disk that is full, a folder that may not be written
        return fail(told(error))
    except StopRequested as stop_requested:
        return 128 + int(stop_requested.args[0])
    return 0


def on_signal(number: int, _: FrameType | None) -> None:
    """Ends the main block once; a second signal changes nothing, the end is under way."""
    for each in STOPS:
        signal.signal(each, signal.SIG_IGN)
    raise StopRequested(number)


def run(settings: LocalSettings) -> None:
    """From an empty or an old folder to a healthy stack, and to its end."""
    folder = StackFolder(settings.local_dir)
    folder.prepare()
    if ended := end_leftovers(folder.path):
        say(f"ended {ended} processes of an earlier run")
    stack = plan(settings, folder)
    check_settings(stack, folder)
    check_ports(settings)
    if stack.own_database is None:
        make_cluster(stack, folder)

    supervisor, log = Supervisor(stack, folder.supervisor_config), LogStream()
    try:
        process = supervisor.start()
        log.follow(process.stdout or ())
        asyncio.run(prepare_database(stack, lambda: can_go_on(process, log)))
        wait_until_it_listens(stack.ports["supervisor"], lambda: still_runs(process))
        supervisor.start_services()
        troubles = wait_until_started(settings, lambda: still_runs(process))
        with suppress(StopRequested):  # from here on, that is how a run ends
            say(banner(settings, stack, folder, troubles))
            process.wait()
            still_runs(process)
    finally:
        stop(supervisor.process, folder)
        log.wait_for_the_end(1)


def check_settings(stack: Stack, folder: StackFolder) -> None:
    """Ends the process with one line when a service would refuse its settings."""
    for program in stack.services:
        with environment(base_environment(folder.path) | program.environment):
            load_settings(settings_class(program.name), "make run")


def make_cluster(stack: Stack, folder: StackFolder) -> None:
    """Makes Postgres's files at the first start. Raises CannotRunError with Postgres's own words."""
    try:
        postgres.create_cluster(folder.postgres, stack.passwords["postgres"])
    except subprocess.CalledProcessError as error:
        raise CannotRunError(f"cannot make a Postgres cluster: {' '.join(error.stderr.split())}") from error


def still_runs(process: subprocess.Popen[str]) -> None:
    """Raises CannotRunError when supervisord has ended by itself."""
    if process.poll() is not None:
        raise CannotRunError(f"the supervisor ended with {process.returncode}")


def can_go_on(process: subprocess.Popen[str], log: LogStream) -> None:
    """Raises CannotRunError when supervisord has ended, or Postgres, which at the start has a reason that stays."""
    still_runs(process)
    if how := log.ended.get("postgres"):
        raise CannotRunError(f"Postgres ended: {how}")


def stop(process: subprocess.Popen[str] | None, folder: StackFolder) -> None:
    """Ends the stack in order, or else by force: no process stays.

    None: the signal to stop came before it was known that supervisord runs; then it is found by its folder.
    """
    if process is not None and process.poll() is None:
        with suppress(OSError):  # as in `make run | head`: nobody may be there to read it
            say("stopping …")
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    end_leftovers(folder.path)


def banner(settings: LocalSettings, stack: Stack, folder: StackFolder, troubles: list[str]) -> str:
    """Where everything is, and what is not well."""
    url = base_url(settings)
    state = (
        "everything is healthy" if not troubles else "it runs, but not all is well\n\n    " + "\n    ".join(troubles)
    )
    telemetry = "  ".join(f"{name} :{stack.ports[f'{name} telemetry']}" for name in SERVICES)
    ours = [f"{store.name} :{stack.ports[store.name]}" for store in stack.stores]
    token = settings.local_dir / folder.admin_token().name if settings.admin_token is None else "the one you set"
    return f"""{state}

    {url}/console    the console
    {url}            the API
    {url}/docs       its documentation
    {url}/health     how every part is

    Admin token: {token}
    Prometheus metrics on 127.0.0.1, path /metrics: {telemetry if settings.first_telemetry_port else "none"}
    Stores on 127.0.0.1: {"  ".join(ours) or "your own"}
    {psql_command(settings)} opens the database.
    Ctrl-C stops everything; data stays in {settings.local_dir}.
"""


def psql_command(settings: LocalSettings) -> str:
    """What to type in a shell to open the database of this stack; it is found by its folder."""
    if settings.database_url is not None:
        return "make psql with the same DATABASE_URL"
    default = LocalSettings.model_fields["local_dir"].default
    return (
        "make psql" if settings.local_dir == default else f"make psql LOCAL_DIR={shlex.quote(str(settings.local_dir))}"
    )


def say(text: str) -> None:
    """A line of our own in the log stream."""
    sys.stdout.write(f"make run: {text}\n")
    sys.stdout.flush()


def fail(text: str, code: int = 1) -> int:
    """One line on standard error."""
    sys.stderr.write(f"make run: {text}\n")
    return code
