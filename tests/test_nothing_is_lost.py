"""kill -9 of the prediction-service or of Postgres under load, seen through the gateway: the record stays true."""

import asyncio
import random
import shutil

import psutil
import pytest

from shared.processes.waiting import wait_until
from tests.callers import Callers
from tests.record import assert_record_is_true
from tests.stack import REPOSITORY, LocalStack

ROUNDS = 10
RETURN_SECONDS = 150
"""Enough on a machine that is busy with other things; on a quiet one it takes five."""
MODEL = "sentiment-lexicon"
VICTIMS = ("prediction_service", "postgres")


@pytest.fixture
def own_stack(tmp_path_factory: pytest.TempPathFactory):
    models = tmp_path_factory.mktemp("models")
    shutil.copytree(REPOSITORY / "models" / MODEL, models / MODEL)
    folder = tmp_path_factory.mktemp("own") / "local"
    stack = LocalStack(folder, MODELS_DIR=str(models), DEFAULT_MODEL=MODEL).start()
    yield stack
    stack.end()


def find(stack: LocalStack, module: str) -> psutil.Process | None:
    """The process, None while the supervisor has not started it again."""
    try:
        return stack.process_of(module)
    except StopIteration:
        return None


def kill(stack: LocalStack, module: str) -> None:
    """And waits until the supervisor has brought it back and nothing is left to be replayed."""
    victim = stack.process_of(module)
    victim.kill()

    def is_back() -> bool:
        if victim.is_running() or not stack.is_healthy():
            return False
        found = find(stack, module)  # looks at every process of the machine, so it is asked last
        return found is not None and found.pid != victim.pid

    wait_until(
        is_back, f"{module} to be back and the journal to be empty", stack.still_runs, deadline_seconds=RETURN_SECONDS
    )


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_after_ten_kills_under_load_the_record_holds_what_was_answered_and_nothing_by_halves(
    own_stack: LocalStack,
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    with Callers(own_stack.url, MODEL) as callers:
        for number in range(ROUNDS):
            callers.until_answered(rng.randrange(10, 100))
            kill(own_stack, VICTIMS[number % len(VICTIMS)])
        callers.until_answered(50)
    wait_until(own_stack.is_healthy, "the journal to be empty", own_stack.still_runs)
    assert callers.unexpected == []

    url = own_stack.process_of("metrics_service").environ()["DATABASE_URL"]
    asyncio.run(assert_record_is_true(url, callers.done))
