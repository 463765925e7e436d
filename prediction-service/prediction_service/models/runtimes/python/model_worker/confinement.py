"""What a worker gives up before it sees the model: rights, files, memory, and life after the service's end.

| | as root | as anybody else |
| --- | --- | --- |
| user | one that nobody else is | the service's |
| files, with Landlock | reads Python, its environment, the model; writes none | the same |
| files, without | reads what everybody may; writes none | reads what the service may; writes none |
| memory of others, signals | none | none with Landlock (signals: from Linux 6.12 on) |
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Sequence

from . import landlock

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_NO_NEW_PRIVS = 1, 8, 38

CAP_DAC_READ_SEARCH = 2
"""To read what only root may, as far as Landlock lets it: Python may lie in root's own home."""

CAPABILITY_VERSION = 0x20080522

MOST_TASKS = 256
"""Processes and threads of one worker."""

SYSTEM = (
    "/usr", "/lib", "/lib64", "/bin", "/opt", "/nix/store", "/proc", "/sys", "/dev/urandom", "/dev/random",
    "/etc/ld.so.cache", "/etc/ssl", "/etc/pki", "/etc/localtime", "/etc/os-release", "/etc/mime.types",
    "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group",
)  # fmt: skip
"""What programs read of a system, without what is secret there."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/tty")

libc = ctypes.CDLL(None, use_errno=True)


class ConfinementError(Exception):
    """The worker cannot be confined and still work; the message is for the model's author."""


def confine(memory_bytes: int | None, readable: Sequence[str], parent: int) -> None:
    """Gives it all up. Raises ConfinementError."""
    limit(memory_bytes)
    linux = sys.platform == "linux"
    rules = landlock.rules([*SYSTEM, *readable], DEVICES) if linux else None
    was_root = os.geteuid() == 0
    if was_root:
        become_nobody_else(keep=rules is not None)
    if linux:
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    is_closed = rules is not None and landlock.enforce(rules)
    if was_root:
        hidden = [path for path in readable if not os.access(path, os.R_OK)]
        keep_one_capability(keep=bool(hidden) and is_closed)
        if hidden and not is_closed:
            raise ConfinementError(
                f"{hidden[0]} can be read by root alone, and a Python model does not run as root: let others read it "
                "(chmod o+rX, on the folders above it too)"
            )
    if linux:  # last, for a change of user forgets it
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def limit(memory_bytes: int | None) -> None:
    """Nothing is written to files, no cores are left; beyond its memory, allocations fail."""
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if memory_bytes is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")  # when memory is short, this goes first


def become_nobody_else(*, keep: bool) -> None:
    """The user becomes one whose number is drawn: no file, no process and no other worker is theirs."""
    if keep:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    drawn = int.from_bytes(os.urandom(4), "little")
    os.setgroups([])
    try:
        set_user((1 << 30) + drawn % (1 << 28))
    except OSError:  # a container that knows of 65,536 users
        set_user(55_000 + drawn % 5_000)
    resource.setrlimit(resource.RLIMIT_NPROC, (MOST_TASKS, MOST_TASKS))


def set_user(number: int) -> None:
    """User and group, for good."""
    os.setgid(number)
    os.setuid(number)


def keep_one_capability(*, keep: bool) -> None:
    """Of root's rights that one, or none at all."""
    if sys.platform != "linux":
        return
    bits = 1 << CAP_DAC_READ_SEARCH if keep else 0
    head = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)(bits, bits, 0, 0, 0, 0)  # effective, permitted, inheritable; the same, upper halves
    if libc.capset(head, sets) != 0 and keep:
        raise ConfinementError("the rights of root cannot be given up")
