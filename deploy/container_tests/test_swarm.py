"""The stack on a swarm of one node: rolling updates under load, and the way back from a bad one."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from container_tests.load import CALLERS, Load
from container_tests.stack import REPOSITORY, SERVICES, ComposeStack, run
from shared.processes.waiting import wait_until

NAME = "modelserver-swarm"
PREDICTION = {"text": "What a wonderful little server!", "model_name": "sentiment-lexicon"}
START_SECONDS = 240
UPDATE_SECONDS = 480
"""Two replicas of each of four services, one after the other, each watched for fifteen seconds, beside a load that has
both processors: two and a half minutes on a machine that is slow, and others are slower."""


class Swarm:
    """The stack as `deploy/swarm/deploy` deploys it."""

    def __init__(self, folder: Path) -> None:
        # The images, ports and secrets of a Compose project that is never started.
        self.project = ComposeStack(NAME, folder, FRONT_SUBNET="10.201.19.0/24")

    @property
    def url(self) -> str:
        return self.project.url

    def deploy(self, version: str) -> None:
        environment = self.project.variables | {"VERSION": version, "RESOLVE_IMAGE": "never"}
        run(str(REPOSITORY / "deploy" / "swarm" / "deploy"), NAME, environment=environment)

    def service(self, name: str) -> dict:
        return json.loads(run("docker", "service", "inspect", f"{NAME}_{name}"))[0]

    def update_state(self, name: str) -> str:
        """`updating`, `completed`, `rollback_completed` …; empty before the first update."""
        return self.service(name).get("UpdateStatus", {}).get("State", "")

    def image(self, name: str) -> str:
        return self.service(name)["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]

    def all_updates_are(self, state: str) -> bool:
        return all(self.update_state(name) == state for name in SERVICES)

    def still_updates(self) -> None:
        """Raises RuntimeError when an update has been taken back: it will never be complete."""
        for name in SERVICES:
            if (status := self.service(name).get("UpdateStatus", {})).get("State", "").startswith("rollback"):
                raise RuntimeError(f"{name}: {status['Message']}")

    def is_healthy(self) -> bool:
        """Whether every task runs and every part says that it is well."""
        running = run("docker", "stack", "services", NAME, "--format", "{{.Name}} {{.Replicas}}").splitlines()
        whole = all(
            len(set(line.split()[1].split("/"))) == 1 for line in running if not line.startswith(f"{NAME}_migrate")
        )
        try:
            return whole and httpx.get(f"{self.url}/health", timeout=5).json()["status"] == "ok"
        except (httpx.HTTPError, ValueError):
            return False


@pytest.fixture(scope="module")
def swarm(tmp_path_factory: pytest.TempPathFactory, stack: ComposeStack) -> Iterator[Swarm]:
    """A stack of version `test`, from the images of `stack`, on a swarm that is made for it if there is none."""
    is_new = "inactive" in run("docker", "info", "--format", "{{.Swarm.LocalNodeState}}")
    if is_new:
        run("docker", "swarm", "init", "--advertise-addr", "127.0.0.1")
    run("docker", "node", "update", "--label-add", "modelserver.data=true", *run("docker", "node", "ls", "-q").split())
    swarm = Swarm(tmp_path_factory.mktemp("swarm"))
    stack.compose("stop")  # two stacks are too much for a small machine
    try:
        swarm.deploy("test")
        wait_until(swarm.is_healthy, "the stack to be healthy", deadline_seconds=START_SECONDS)
        yield swarm
    finally:
        run("docker", "stack", "rm", NAME)
        wait_until(lambda: not ours("ps", "--all"), "the tasks to end", deadline_seconds=60)
        for volume in ours("volume", "ls"):
            run("docker", "volume", "rm", volume)
        if is_new:
            run("docker", "swarm", "leave", "--force")
        stack.up("--no-recreate")


def ours(*kind: str) -> list[str]:
    """What the stack still has of a kind of thing."""
    return run("docker", *kind, "--quiet", "--filter", f"label=com.docker.stack.namespace={NAME}").split()


def derive(version: str, instruction: str) -> None:
    """Other images of the four services, with one instruction more."""
    for service in SERVICES:
        subprocess.run(
            ["docker", "build", "--quiet", "--tag", f"modelserver/{service}:{version}", "-"],
            input=f"FROM modelserver/{service}:test\n{instruction}\n", text=True, check=True, capture_output=True,
        )  # fmt: skip


def test_an_update_to_new_images_costs_no_request(swarm: Swarm) -> None:
    derive("next", "ENV NEXT=yes")

    with Load(swarm.url, "/predict", PREDICTION) as load:
        wait_until(lambda: load.outcomes[200] > CALLERS, "the first answers", deadline_seconds=60)
        swarm.deploy("next")
        wait_until(lambda: swarm.all_updates_are("completed"), "every update", swarm.still_updates, UPDATE_SECONDS)
        answered = load.outcomes[200]
        wait_until(lambda: load.outcomes[200] > answered + 100, "answers of the new ones", deadline_seconds=60)

    assert [swarm.image(name) for name in SERVICES] == [f"modelserver/{name}:next" for name in SERVICES]
    assert load.failures == []


def test_an_update_that_does_not_start_is_rolled_back_and_costs_no_request(swarm: Swarm) -> None:
    before = [swarm.image(name) for name in SERVICES]
    derive("broken", 'CMD ["false"]')

    with Load(swarm.url, "/predict", PREDICTION) as load:
        wait_until(lambda: load.outcomes[200] > CALLERS, "the first answers", deadline_seconds=60)
        swarm.deploy("broken")
        wait_until(
            lambda: swarm.all_updates_are("rollback_completed"), "every rollback", deadline_seconds=UPDATE_SECONDS
        )

    assert [swarm.image(name) for name in SERVICES] == before
    assert load.failures == []
