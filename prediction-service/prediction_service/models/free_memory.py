"""How much memory is available to this process, within the limit of its container."""

from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")

UNKNOWN = 1 << 40
"""Practically no limit, for systems that do not report it (macOS)."""


def free_memory() -> int:
    """In bytes; the page cache counts as free."""
    return min(free_on_machine(), free_in_container())


def free_on_machine() -> int:
    """In bytes: MemAvailable of Linux."""
    try:
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return UNKNOWN
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), UNKNOWN)


def free_in_container() -> int:
    """In bytes: what cgroups (version 2) leave below the limit."""
    try:
        most = (CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = int((CGROUP / "memory.current").read_text(encoding="ascii"))
        lines = (CGROUP / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return UNKNOWN
    files = next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)
    return max(0, int(most) - used + files) if most != "max" else UNKNOWN
