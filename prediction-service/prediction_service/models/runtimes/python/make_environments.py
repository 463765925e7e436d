"""`python -m prediction_service.models.runtimes.python.make_environments MODELS ENVIRONMENTS [NAME[/VERSION]]`.

Makes the environments of Python models with a `requirements.txt`, ahead of serving and never within the service: pip
installs into them what the files say, with the index and the options that pip is set up with.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.listing import ModelFolder, list_folders
from prediction_service.models.runtimes.python.environments import (
    COMPLETE,
    REQUIREMENTS,
    environment_for,
    requirements_of,
)


class CannotMakeError(Exception):
    """An environment cannot be made; the message is for the model's author."""


def make_environments(models: Path, environments: Path, name: str = "") -> None:
    """Those of all models, or of one that is named, or of one version of it. Raises CannotMakeError."""
    for folder in folders_named(models, name):
        try:
            requirements = requirements_of(folder.path)
            environment = None if requirements is None else environment_for(requirements, folder.path, environments)
        except ModelError as error:
            raise CannotMakeError(f"{folder}: {error}") from error
        if environment is None:
            if name:
                say(f"{folder} has no {REQUIREMENTS} and needs no environment")
            continue
        with alone_in(environments):
            if not (environment / COMPLETE).exists():
                say(f"{folder}: {environment}")
                make(environment, folder)
        with suppress(OSError):  # so that a service that skipped the folder looks at it again
            (folder.path / REQUIREMENTS).touch()
        say(f"{folder} has its environment")


def folders_named(models: Path, name: str) -> list[ModelFolder]:
    """The folders that are meant. Raises CannotMakeError when there are none."""
    listed = list_folders(models)
    if listed.fault:
        raise CannotMakeError(listed.fault)
    found = [folder for folder in listed.models if name in {"", folder.name, f"{folder}"}]
    if name and not found:
        raise CannotMakeError(f"there is no model {name} in {models}")
    return sorted(found, key=str)


@contextmanager
def alone_in(environments: Path) -> Iterator[None]:
    """A block in which no other process makes an environment there. Raises CannotMakeError."""
    try:
        environments.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(environments, os.O_RDONLY)
    except OSError as error:
        raise CannotMakeError(f"cannot write to {environments}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make(environment: Path, folder: ModelFolder) -> None:
    """One that is not there, or whose making was killed. Raises CannotMakeError, and leaves nothing then."""
    python = str(environment / "bin" / "python")
    shutil.rmtree(environment, ignore_errors=True)
    try:
        run([sys.executable, "-I", "-m", "venv", str(environment)], folder)
        run([python, "-I", "-m", "pip", "install", "--no-input", "--requirement", REQUIREMENTS], folder)
        run([python, "-I", "-m", "pip", "uninstall", "--quiet", "--yes", "pip"], folder)  # the model installs nothing
        (environment / COMPLETE).touch()
    except BaseException:
        shutil.rmtree(environment, ignore_errors=True)
        raise


def run(command: Sequence[str], folder: ModelFolder) -> None:
    """In the model's folder: its requirements may name wheels that lie there. Raises CannotMakeError."""
    code = subprocess.run(command, cwd=folder.path, stdin=subprocess.DEVNULL, check=False).returncode
    if code:
        raise CannotMakeError(
            f"{folder}: {command[3]} {command[4] if command[3] == 'pip' else ''} failed, as it says above"
        )


def say(text: str) -> None:
    """One line for the person who asked."""
    sys.stdout.write(f"model-env: {text}\n")
    sys.stdout.flush()


def main(models: Path, environments: Path, name: str = "") -> int:
    """The exit code."""
    try:
        make_environments(models, environments, name)
    except CannotMakeError as error:
        sys.stderr.write(f"model-env: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:4]))
