"""Landlock (Linux 5.13): a process gives up, for ever and for all that it starts, what it may do with files.

Without libraries, by system calls; where the system has no Landlock, nothing is given up, and `rules` says None.
"""

import ctypes
import os
import stat
from collections.abc import Sequence

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""The same numbers on every machine that Linux runs on."""

VERSION_FLAG = 1
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8

FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Version → every right that it knows of; later ones know of no more."""

SCOPES = 3
"""Abstract sockets and signals, from version 6 on: only among the processes of one worker."""

O_PATH = getattr(os, "O_PATH", 0)

libc = ctypes.CDLL(None, use_errno=True)


class Attributes(ctypes.Structure):
    """`struct landlock_ruleset_attr`."""

    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class Beneath(ctypes.Structure):
    """`struct landlock_path_beneath_attr`."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("rights", ctypes.c_uint64), ("parent", ctypes.c_int32))


def rules(readable: Sequence[str], writable: Sequence[str]) -> int | None:
    """A set of rules: these files and folders may be read, run and (devices alone) written, and no others.

    What is not there is left out. To be made while all of them can still be opened.
    """
    version = call(CREATE_RULESET, None, 0, VERSION_FLAG)
    if version < 1:
        return None
    known = FILE_RIGHTS[min(version, max(FILE_RIGHTS))]
    attributes = Attributes(known, 0, SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = call(CREATE_RULESET, ctypes.byref(attributes), size, 0)
    if ruleset < 0:
        return None
    for path in readable:
        add(ruleset, path, EXECUTE | READ_FILE | READ_DIR)
    for path in writable:
        add(ruleset, path, READ_FILE | WRITE_FILE)
    return ruleset


def add(ruleset: int, path: str, rights: int) -> None:
    """One rule."""
    try:
        parent = os.open(path, O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(parent).st_mode):
            rights &= ~READ_DIR
        call(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(Beneath(rights, parent)), 0)
    finally:
        os.close(parent)


def enforce(ruleset: int) -> bool:
    """From now on they hold; whether they do. Needs PR_SET_NO_NEW_PRIVS."""
    holds = call(RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return holds


def call(number: int, *arguments: object) -> int:
    """A system call; -1 when it fails, or where there is none."""
    if not hasattr(libc, "syscall"):
        return -1
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    return int(libc.syscall(ctypes.c_long(number), *words))
