"""The folder of one stack: data, passwords, and the lock that keeps a second stack out."""

import fcntl
import json
import os
import secrets
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, socket

import psutil

from local.errors import CannotRunError
from shared.settings.behind_the_gateway import MAX_SOCKET_BYTES

SECRETS = ("postgres", "gateway", "prediction_service", "metrics_service", "redis", "supervisor")

GIT_IGNORE = ".gitignore"


class StackFolder:
    """Everything that outlives a run."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.postgres = self.path / "postgres"
        self.redis = self.path / "redis"
        self.journal = self.path / "journal"
        self.supervisor_config = self.path / "supervisord.conf"
        self._lock = self.path / "lock"
        self._secrets = self.path / "secrets.json"
        self._admin_token = self.path / "admin-token"

    def prepare(self) -> None:
        """Makes the folder and takes its lock. Raises CannotRunError when it cannot be written or is in use.

        What is made is hidden from git, whatever it is called: it holds passwords, and lies in a checkout mostly. A
        folder with something in it is its owner's, and git goes on seeing what is in it.
        """
        try:
            self.path.mkdir(mode=0o755, parents=True, exist_ok=True)
            # The first thing in it, so that a run that was killed before leaves the folder as empty as it made it.
            if is_empty(self.path):
                (self.path / GIT_IGNORE).write_text("*\n", encoding="utf-8")
            self.journal.mkdir(mode=0o755, exist_ok=True)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotRunError(f"cannot write to {self.path}: {error.strerror}; choose another LOCAL_DIR=") from error
        try:
            # The kernel drops the lock with this process, however it ends: it can never be stale.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = self._lock.read_text().strip()
            raise CannotRunError(
                f"a stack is running in {self.path} already (process {owner}); choose another LOCAL_DIR= and PORT="
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())

    def socket(self, service: str) -> Path | None:
        """Where a service listens for the gateway; None where the path is too long for one, or the disk takes none."""
        path = self.path / f"{service}.sock"
        return path if can_be_bound(path) else None

    def postgres_sockets(self) -> Path | None:
        """Where Postgres has its socket: among its data, where only its user comes. None where it can have none.

        What a killed one has left there goes: Postgres would take the lock beside it for that of a server that runs,
        as soon as some process has the number in it. Raises OSError and CannotRunError.
        """
        if self.port_of_running_postgres() is None:
            for left in self.postgres.glob(".s.PGSQL.*"):
                left.unlink()
        longest = self.postgres / ".s.PGSQL.65535"
        too_long = len(os.fsencode(longest)) > MAX_SOCKET_BYTES
        lists = any(separator in str(self.postgres) for separator in ',"')  # to Postgres and to libpq
        return None if too_long or lists or self.socket("postgres") is None else self.postgres

    def model_environments(self, chosen: Path | None) -> Path:
        """Where environments of Python models are, unless the user has chosen another place."""
        return chosen.resolve() if chosen is not None else self.path / "model-environments"

    @property
    def is_made(self) -> bool:
        """Whether a stack has its Postgres here."""
        return (self.postgres / "cluster.made").exists()

    def port_of_running_postgres(self) -> int | None:
        """Where the stack's Postgres listens while it runs, as it says itself; None: it does not run.

        Raises CannotRunError when this user may not know.
        """
        file = self.postgres / "postmaster.pid"
        try:
            lines = file.read_bytes().split(b"\n")  # splitlines() would end one at U+2028 in the folder's path
            process, port = int(lines[0]), int(lines[3])
            return port if psutil.Process(process).name() == "postgres" else None  # else a killed one's file
        except PermissionError as error:
            raise CannotRunError(f"cannot read {file}: {error.strerror}; it is another user's stack") from error
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
            return None

    def admin_token(self) -> Path:
        """The file of the stack's admin token, made at its first start; readable by its owner alone."""
        if not self._admin_token.exists():
            write_secret(self._admin_token, secrets.token_urlsafe(24) + "\n")
        return self._admin_token

    def passwords(self) -> dict[str, str]:
        """The passwords of this stack, made at its first start; readable by its owner alone.

        Raises CannotRunError, as `stored_passwords`; those of a Postgres that is there already cannot be made anew.
        """
        if not self._secrets.exists() and not self.is_made:
            write_secret(self._secrets, json.dumps({name: secrets.token_urlsafe(24) for name in SECRETS}, indent=2))
        return self.stored_passwords()

    def stored_passwords(self) -> dict[str, str]:
        """The passwords that are there; writes nothing. Raises CannotRunError when they are not, or damaged."""
        try:
            stored = json.loads(self._secrets.read_text(encoding="utf-8"))
        except OSError as error:
            raise CannotRunError(f"cannot read {self._secrets}: {error.strerror}; {self._remedy()}") from error
        except (ValueError, RecursionError) as error:
            raise CannotRunError(f"{self._secrets} is damaged: it is not JSON; {self._remedy()}") from error
        if not isinstance(stored, dict):
            raise CannotRunError(f"{self._secrets} is damaged: it is no JSON object; {self._remedy()}")
        if lacking := [name for name in SECRETS if not isinstance(stored.get(name), str) or not stored[name]]:
            raise CannotRunError(f"{self._secrets} is damaged: no {', '.join(lacking)} in it; {self._remedy()}")
        return stored

    def _remedy(self) -> str:
        if self.is_made:
            return "without it nobody gets into the Postgres there: put a copy of it back, or choose another LOCAL_DIR="
        return "there is no data yet: remove it, and it is made anew"


def is_empty(folder: Path) -> bool:
    """Whether nothing is in it, or nothing but the empty file of a run that was killed as it began to write it."""
    return all(path.name == GIT_IGNORE and path.stat().st_size == 0 for path in folder.iterdir())


def can_be_bound(path: Path) -> bool:
    """Whether there can be a socket of this path; where one is, it is left by an earlier run and goes."""
    if len(os.fsencode(path)) > MAX_SOCKET_BYTES:
        return False
    with socket(AF_UNIX, SOCK_STREAM) as trial:
        try:
            path.unlink(missing_ok=True)
            trial.bind(str(path))
            path.unlink()
        except OSError:  # such as a folder of another system that is mounted here
            return False
    return True


def write_secret(file: Path, content: str) -> None:
    """All of it or nothing, and at no moment readable by others."""
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(content, encoding="utf-8")
    draft.rename(file)
