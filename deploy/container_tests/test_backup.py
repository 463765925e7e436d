"""`make backup` and `make restore` with STACK=containers: out of one stack, into an empty one, the same numbers."""

import os
import subprocess
from pathlib import Path

import httpx

from container_tests.stack import REPOSITORY, ComposeStack

TEXTS = [f"A fine day number {number}." for number in range(25)]


def containers(verb: str, file: Path, stack: ComposeStack) -> subprocess.CompletedProcess[str]:
    """What the make target runs."""
    command = [str(REPOSITORY / "deploy" / "backup"), verb, str(file)]
    environment = os.environ | stack.variables
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment, text=True, capture_output=True, timeout=600, check=False
    )


def state_of(stack: ComposeStack) -> tuple[object, object]:
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        return client.get("/metrics/count").json(), client.get("/metrics/thresholds").json()


def test_a_stack_is_the_same_after_backup_and_restore(
    stack: ComposeStack, client: httpx.Client, tmp_path: Path
) -> None:
    token = (stack.secrets / "admin_token").read_text().strip()
    assert client.post("/predict/batch", json={"texts": TEXTS}).status_code == 200
    client.put(
        "/metrics/thresholds",
        json={"max_inference_time_warning_ms": 123.5},
        headers={"Authorization": f"Bearer {token}"},
    )
    before, file = state_of(stack), tmp_path / "backup.tar"
    done = containers("backup", file, stack)
    assert done.returncode == 0, done.stderr
    assert token.encode() not in file.read_bytes()
    assert "holds" in containers("restore", file, stack).stderr, "a stack with predictions is left as it is"
    stack.up()

    stack.compose("down", "--volumes")
    done = containers("restore", file, stack)
    assert done.returncode == 0, done.stderr
    stack.up()
    stack.wait_until_healthy()
    assert state_of(stack) == before
