"""The folder of one stack: data, passwords, and the lock that keeps a second stack out."""

import fcntl
import json
import os
import secrets
from pathlib import Path

from local.errors import CannotRunError

SECRETS = ("postgres", "gateway", "prediction_service", "metrics_service", "redis", "supervisor")


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
        """Makes the folder and takes its lock. Raises CannotRunError when it cannot be written or is in use."""
        try:
            for folder in (self.path, self.journal):
                folder.mkdir(mode=0o755, parents=True, exist_ok=True)
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

    def port_of_running_postgres(self) -> int | None:
        """Where the stack's Postgres listens while it runs, as it says itself; None: it does not run."""
        try:
            lines = (self.postgres / "postmaster.pid").read_text().splitlines()
            os.kill(int(lines[0]), 0)
        except (OSError, ValueError, IndexError):
            return None
        return int(lines[3])

    def admin_token(self) -> Path:
        """The file of the stack's admin token, made at its first start; readable by its owner alone."""
        if not self._admin_token.exists():
            write_secret(self._admin_token, secrets.token_urlsafe(24) + "\n")
        return self._admin_token

    def passwords(self) -> dict[str, str]:
        """The passwords of this stack, made at its first start; readable by its owner alone."""
        if not self._secrets.exists():
            write_secret(self._secrets, json.dumps({name: secrets.token_urlsafe(24) for name in SECRETS}, indent=2))
        return dict(json.loads(self._secrets.read_text()))


def write_secret(file: Path, content: str) -> None:
    """All of it or nothing, and at no moment readable by others."""
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(content, encoding="utf-8")
    draft.rename(file)
