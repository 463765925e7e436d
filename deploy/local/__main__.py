"""`python -m local`, called by `make run`.

Folder → leftovers of a killed run → settings → cluster → stores → migrations → services → healthy → until Ctrl-C.
"""

import asyncio
import signal
import subprocess
import sys
import threading
from types import FrameType

from pydantic import ValidationError

from local.errors import CannotRunError
from local.folder import StackFolder
from local.leftovers import end_leftovers
from local.log_stream import relay
from local.settings import LocalSettings
from local.stack import SERVICES, Stack, plan
from local.start import check_settings, prepare_database, wait_until_healthy
from local.supervisor import Supervisor
from shared.embedded import postgres
from shared.embedded.ports import is_free
from shared.embedded.unprivileged import CannotDropPrivilegesError
from shared.runtime.settings import EXIT_BAD_SETTING, describe

STOP_SECONDS = 4.5
"""After that long, what has not ended in order is killed."""


class StopRequested(BaseException):  # a BaseException, like KeyboardInterrupt: no handler of errors may swallow it
    """Ctrl-C, SIGTERM or a closed terminal."""


def main() -> int:
    """Runs the stack until it is told to stop; returns the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    try:
        settings = LocalSettings()
        run(settings)
    except ValidationError as error:
        return fail(describe(error), EXIT_BAD_SETTING)
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
    if not is_free(settings.port, settings.host):
        raise CannotRunError(f"port {settings.port} is taken; choose another with PORT=")
    stack = plan(settings, folder)
    check_settings(stack)
    try:
        postgres.create_cluster(folder.postgres, stack.passwords["postgres"])
    except subprocess.CalledProcessError as error:
        raise CannotRunError(f"cannot make a Postgres cluster: {error.stderr.strip()}") from error

    supervisor = Supervisor(stack, folder.supervisor_config)
    process = supervisor.start()
    output = threading.Thread(target=relay, args=(process.stdout,), daemon=True)
    output.start()
    try:
        asyncio.run(prepare_database(stack))
        supervisor.start_services()
        wait_until_healthy(settings.port, lambda: still_runs(process))
        say(banner(settings, stack))
        process.wait()
        still_runs(process)
    finally:
        stop(process, folder)
        output.join(1)


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


def banner(settings: LocalSettings, stack: Stack) -> str:
    """Where everything is."""
    url = f"http://localhost:{settings.port}"
    telemetry = "  ".join(f"{name} :{stack.ports[f'{name} telemetry']}" for name in SERVICES)
    return f"""everything is healthy

    {url}            the API
    {url}/docs       its documentation
    {url}/health     how every part is

    Prometheus metrics on 127.0.0.1, path /metrics: {telemetry}
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
