"""Replicas come, go, restart and die under load."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from container_tests.load import CALLERS, Load
from container_tests.stack import ComposeStack, inspect, run
from shared.processes.waiting import wait_until

PREDICTION = {"text": "What a wonderful little server!", "model_name": "sentiment-lexicon"}
SERVED = """
import urllib.request
lines = urllib.request.urlopen("http://127.0.0.1:9000/metrics").read().decode().splitlines()
print(sum(float(line.split()[-1]) for line in lines if line.startswith("http_requests_total") and "predict" in line))
"""


@pytest.fixture
def predictions(stack: ComposeStack) -> Iterator[Load]:
    """Predictions all the while."""
    with Load(stack.url, "/predict", PREDICTION) as load:
        wait_until(lambda: load.outcomes[200] > CALLERS, "the first answers")
        yield load


def scale(stack: ComposeStack, **replicas: int) -> None:
    options = (
        part for service, count in replicas.items() for part in ("--scale", f"{service.replace('_', '-')}={count}")
    )
    stack.up("--no-recreate", *options)


def served(container: str) -> float:
    """How many predictions a replica has answered."""
    return float(run("docker", "exec", container, "python", "-c", SERVED))


def answers_more(load: Load, count: int = 200) -> None:
    """Waits until so many more requests were answered."""
    before = load.outcomes[200]
    wait_until(lambda: load.outcomes[200] >= before + count, f"{count} answers more", deadline_seconds=60)


def admitted_of_200(stack: ComposeStack, address: str) -> int:
    """How many of 200 requests at once, from one client, are admitted.

    Asked again, as another client, when a gateway had to count alone meanwhile, because Postgres took too long.
    """

    def ask(_: int) -> httpx.Response:
        return httpx.post(f"{stack.url}/predict", json=PREDICTION, headers={"X-Forwarded-For": address}, timeout=30)

    while True:
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(ask, range(200)))
        if not any(answer.headers.get("x-ratelimit-scope") == "local" for answer in answers):
            assert {answer.status_code for answer in answers} == {200, 429}
            return [answer.status_code for answer in answers].count(200)
        address = f"{address.rpartition('.')[0]}.{int(address.rpartition('.')[2]) % 250 + 1}"


def test_replicas_take_part_within_seconds_and_go_without_a_failed_request(
    stack: ComposeStack, predictions: Load, new_address: str
) -> None:
    scale(stack, prediction_service=3, gateway=2)
    replicas = [*stack.containers("prediction-service"), *stack.containers("gateway")]
    assert len(replicas) == 5
    wait_until(lambda: all(served(replica) > 0 for replica in replicas), "every replica to answer", deadline_seconds=5)

    assert admitted_of_200(stack, new_address) == 60, "the limit is exact over both gateways"

    answers_more(predictions)
    scale(stack, prediction_service=1, gateway=1)
    answers_more(predictions)
    assert predictions.failures == []


@pytest.mark.parametrize("service", ["gateway", "inside", "prediction-service", "postgres", "redis", "docker-api"])
def test_a_restart_costs_no_prediction(stack: ComposeStack, predictions: Load, service: str) -> None:
    stack.compose("restart", service)
    answers_more(predictions)
    stack.wait_until_healthy()

    assert predictions.failures == []


def test_a_restart_of_the_edge_turns_callers_away_and_answers_nobody_wrongly(
    stack: ComposeStack, predictions: Load
) -> None:
    stack.compose("restart", "edge")
    answers_more(predictions)
    stack.wait_until_healthy()

    assert {outcome for outcome in predictions.outcomes if isinstance(outcome, int)} == {200}


@pytest.mark.parametrize(
    ("service", "path", "body"),
    [("metrics-service", "/metrics/count", None), ("analytics-service", "/analyze/performance", {})],
)
def test_a_restart_of_another_service_costs_none_of_its_answers(
    stack: ComposeStack, service: str, path: str, body: dict[str, object] | None
) -> None:
    with Load(stack.url, path, body) as load:
        answers_more(load, CALLERS)
        stack.compose("restart", service)
        answers_more(load)
    stack.wait_until_healthy()

    assert load.failures == []


def test_a_killed_replica_costs_at_most_what_it_was_working_on(stack: ComposeStack, predictions: Load) -> None:
    scale(stack, prediction_service=3)
    victim = stack.containers("prediction-service")[0]

    run("docker", "kill", "--signal", "KILL", victim)
    answers_more(predictions)

    assert len(predictions.failures) <= CALLERS
    assert all(failure.startswith("502") for failure in predictions.failures)
    run("docker", "start", victim)
    scale(stack, prediction_service=1)
    stack.wait_until_healthy()


def test_replicas_that_are_gone_before_traefik_has_heard_of_it_cost_time_and_no_answer(
    stack: ComposeStack, predictions: Load
) -> None:
    scale(stack, prediction_service=3)
    replicas = stack.containers("prediction-service")
    wait_until(lambda: all(served(replica) > 0 for replica in replicas), "every replica to answer")

    run("docker", "pause", stack.container("docker-api"))  # nobody hears of what happens next
    try:
        run("docker", "stop", *newest_first(replicas)[:2])
        answers_more(predictions, 100)
    finally:
        run("docker", "unpause", stack.container("docker-api"))
    scale(stack, prediction_service=1)  # which takes the newest
    answers_more(predictions)
    assert predictions.failures == []


def newest_first(containers: list[str]) -> list[str]:
    """By their numbers, in which Compose takes them away."""
    return sorted(containers, key=lambda container: str(inspect(container)["Name"]), reverse=True)
