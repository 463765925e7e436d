"""`make machines`: has every pinned package a wheel for every machine that this project names? Nothing is installed.

Asks the index by uv, as the installation does, and writes what was found into README.
"""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from installer.packages import NO_WHEEL
from installer.pip_settings import uv_environment

README = Path(__file__).parent.parent.parent / "README.md"
BEGIN, END = "<!-- begin: make machines -->", "<!-- end: make machines -->"

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux arm64": "aarch64-manylinux_2_28",
    "macOS 14 arm64": "aarch64-apple-darwin",
}
"""As people say it → as uv says it."""

MACOS = "14.0"
"""Older ones are no longer among onnxruntime's."""

PACKAGE = re.compile(r"^[A-Za-z0-9].*(?:\n[ \t]+.*)*", re.MULTILINE)
"""A package of a pinned file: its first line, and the lines of its hashes."""


@dataclass(frozen=True)
class Machine:
    """A Python on a platform."""

    python: str
    platform: str

    def lacks(self, packages: list[str], folder: Path) -> list[str]:
        """`name version` of those without a wheel for it. Raises RuntimeError when the index cannot be asked."""
        found: list[str] = []
        while complaint := self._ask(packages, folder):
            lacking = NO_WHEEL.search(complaint)
            if lacking is None:
                raise RuntimeError(f"Python {self.python}, {self.platform}: {complaint}")
            found.append(f"{lacking[1]} {lacking[2]}")
            packages = [package for package in packages if not package.startswith(f"{lacking[1]}=={lacking[2]}")]
        return found

    def _ask(self, packages: list[str], folder: Path) -> str:
        """What uv complains of; empty: of nothing."""
        file = folder / "requirements.txt"
        file.write_text("\n".join(packages) + "\n", encoding="utf-8")
        asked = subprocess.run(
            [uv(), "--quiet", "pip", "install", "--dry-run", "--no-deps", "--require-hashes", "--no-build",
             "--python-version", self.python, "--python-platform", PLATFORMS[self.platform],
             "--python", sys.executable, "--target", str(folder / "nothing"), "--requirement", str(file)],
            env=uv_environment(PIP, os.environ | {"MACOSX_DEPLOYMENT_TARGET": MACOS}),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return "" if asked.returncode == 0 else " ".join(asked.stderr.split()) or "uv did not say why"


PIP = [sys.executable, "-m", "pip"]


def uv() -> str:
    """The one that is installed beside this Python."""
    return str(Path(sys.executable).parent / "uv")


def table(packages: list[str]) -> str:
    """What was found, as Markdown: a row for each Python."""
    rows = [f"| Python | {' | '.join(PLATFORMS)} |", "| --- " * (len(PLATFORMS) + 1) + "|"]
    with tempfile.TemporaryDirectory() as folder:
        for python in PYTHONS:
            lacking = [Machine(python, platform).lacks(packages, Path(folder)) for platform in PLATFORMS]
            rows.append(f"| {python} | {' | '.join(', '.join(each) or 'all' for each in lacking)} |")
    return "\n".join(rows)


def main() -> None:
    """Asks for the packages of a file, prints the table, and puts it into README."""
    packages = [found for file in sys.argv[1:] for found in PACKAGE.findall(Path(file).read_text(encoding="utf-8"))]
    found = table(packages)
    sys.stdout.write(f"Which of the {len(packages)} pinned packages have no wheel:\n{found}\n")
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    README.write_text(f"{before}{BEGIN}\n\n{found}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
