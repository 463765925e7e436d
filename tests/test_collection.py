"""All tests are collected at the top, the same ones every time: one that failed can be asked for by its name."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
DISTRIBUTIONS = ("shared", "gateway", "prediction-service", "metrics-service", "analytics-service", "cli")
HASH_SEEDS = ("1", "2")
"""Two orders of every set."""


def collecting(hash_seed: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", "no:cacheprovider"]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True)


def collected(process: subprocess.Popen[str]) -> list[str]:
    output, _ = process.communicate()
    assert process.returncode == 0, output[-2000:]
    return [line for line in output.splitlines() if "::" in line]


def test_the_same_tests_are_collected_every_time() -> None:
    first, second = map(collected, [collecting(seed) for seed in HASH_SEEDS])
    assert [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]] == []
    folders = {test.split("/")[0] for test in first}
    assert folders == {*DISTRIBUTIONS, "training", "tests"}
