"""Postgres as an ordinary user, wherever root has put it."""

import os
import subprocess
from pathlib import Path

import pytest

from shared.embedded.unprivileged import unprivileged

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up rights")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """In a folder that is closed to all but root, as /root is."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    program = closed / "program"
    program.write_text("#!/bin/sh\nid -un\n")
    program.chmod(0o755)
    return program


def test_what_lies_in_roots_own_folder_is_found_and_run_by_an_ordinary_user(program: Path) -> None:
    assert subprocess.check_output(unprivileged([str(program)]), text=True) == "nobody\n"


@pytest.mark.parametrize("question", ["-r", "-x", "-e"])
def test_access_says_so_too(program: Path, question: str) -> None:
    assert subprocess.run(unprivileged(["test", question, str(program)]), check=False).returncode == 0


@pytest.mark.parametrize("folder", ["closed", "."])
def test_nothing_of_roots_can_be_changed(program: Path, folder: str) -> None:
    target = program.parent.parent / folder / "new"
    assert subprocess.run(unprivileged(["touch", str(target)]), check=False, capture_output=True).returncode != 0
    assert not target.exists()
