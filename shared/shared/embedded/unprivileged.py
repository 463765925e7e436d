"""Postgres refuses to run as root; when we are root, it runs as `nobody`."""

import os
import pwd
import shutil
from pathlib import Path

USER = "nobody"


class CannotDropPrivilegesError(RuntimeError):
    """We are root and the system has no way to start Postgres as somebody else."""


def unprivileged(command: list[str]) -> list[str]:
    """`command` such that it runs as an ordinary user.

    Root's own folders are often closed to others (`/root` is 0700), and both the programs and the data may live there.
    So the process keeps the one capability that lets it pass through them, and access(2), by which Postgres looks for
    its own programs, is told to count it (no_setuid_fixup). Raises CannotDropPrivilegesError.
    """
    if os.geteuid() != 0:
        return command
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise CannotDropPrivilegesError(
            "Postgres does not run as root and `setpriv` (util-linux) is missing: use another user"
        )
    user = pwd.getpwnam(USER)
    keep = "+dac_read_search"
    identity = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    rights = [f"--inh-caps={keep}", f"--ambient-caps={keep}", "--securebits=+no_setuid_fixup"]
    return [setpriv, *identity, *rights, "--", *command]


def give_to_unprivileged(folder: Path) -> None:
    """Makes `folder` the property of the user that `unprivileged` commands run as."""
    if os.geteuid() == 0:
        user = pwd.getpwnam(USER)
        os.chown(folder, user.pw_uid, user.pw_gid)
