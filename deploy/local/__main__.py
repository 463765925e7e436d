"""`python -m local`, called by `make run`.

Settings → folder → leftovers of a killed run → plan → cluster → stores → migrations → services → until Ctrl-C.
"""

import asyncio
import signal
import subprocess
import sys
import threading
from types import FrameType

from local.database import prepare_database
from local.environments import base_environment, environment
from local.errors import CannotRunError
from local.folder import StackFolder
from local.health import base_url, wait_until_started
from local.leftovers import end_leftovers
from local.log_stream import relay
from local.ports import check_ports
from local.services import SERVICES, settings_class
from local.settings import LocalSettings
from local.stack import Stack, plan
from local.supervisor import Supervisor
from shared.embedded import postgres
from shared.embedded.unprivileged import CannotDropPrivilegesError
from shared.runtime.settings import load_settings

STOP_SECONDS = 4.5
"""After that long, what has not ended in order is killed."""


class StopRequested(BaseException):  # a BaseException, like KeyboardInterrupt: no handler of errors may swallow it
    """Ctrl-C, SIGTERM or a closed terminal."""


def main() -> int:
    """Runs the stack until it is told to stop; returns the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    try:
        run(load_settings(LocalSettings, "make run"))
    except (CannotRunError, CannotDropPrivilegesError) as error:
        return fail(str(error))
    except StopRequested:
        pass
    return 0


def on_signal(_: int, __: FrameType | None) -> None:
    """Ends the main block once; a second signal changes nothing, the end is under way."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise StopRequested


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

    supervisor = Supervisor(stack, folder.supervisor_config)
    process = supervisor.start()
    output = threading.Thread(target=relay, args=(process.stdout,), daemon=True)
    output.start()
    try:
        asyncio.run(prepare_database(stack))
        supervisor.start_services()
        troubles = wait_until_started(settings, lambda: still_runs(process))
        say(banner(settings, stack, folder, troubles))
        process.wait()
        still_runs(process)
    finally:
        stop(process, folder)
        output.join(1)


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


def stop(process: subprocess.Popen[str], folder: StackFolder) -> None:
    """Ends the stack in order, or else by force: no process stays."""
    if process.poll() is None:
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

    {url}            the API
    {url}/docs       its documentation
    {url}/health     how every part is

    Admin token: {token}
    Prometheus metrics on 127.0.0.1, path /metrics: {telemetry if settings.first_telemetry_port else "none"}
    Stores on 127.0.0.1: {"  ".join(ours) or "your own"} (make psql opens the database)
    Ctrl-C stops everything; data stays in {settings.local_dir}.
"""


def say(text: str) -> None:
    """A line of our own in the log stream."""
    sys.stdout.write(f"make run: {text}\n")
    sys.stdout.flush()


def fail(text: str, code: int = 1) -> int:
    """One line on standard error."""
    sys.stderr.write(f"make run: {text}\n")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
