"""deploy/sign-in as Compose reads it: both files together. Compose asks no engine for that."""

import json
import os
import subprocess
from pathlib import Path

from container_tests.stack import REPOSITORY

COMPOSE, OVERLAY = REPOSITORY / "docker-compose.yml", REPOSITORY / "deploy/sign-in/compose.yml"
EDGE = REPOSITORY / "deploy/sign-in/edge.yml"


def test_compose_takes_both_files_together(tmp_path: Path) -> None:
    (tmp_path / "oauth2").touch()
    variables = {
        "SECRETS_DIR": str(tmp_path), "IDENTITY_KEYS": "*=staff", "OAUTH2_PROXY_IMAGE": "oauth2-proxy:7",
        "OAUTH2_PROXY_CONFIG_FILE": str(tmp_path / "oauth2"),
    }  # fmt: skip
    merged = subprocess.run(
        ["docker", "compose", "-f", COMPOSE, "-f", OVERLAY, "config", "--format", "json"],
        check=True, capture_output=True, text=True, env=os.environ | variables,
    )  # fmt: skip
    stack = json.loads(merged.stdout)
    assert stack["configs"]["edge"]["file"] == str(EDGE)
    assert stack["services"]["gateway"]["environment"]["IDENTITY_KEYS"] == "*=staff"
    assert {"front", "published", "sign-in"} <= set(stack["services"]["edge"]["networks"])
    assert stack["services"]["gateway"]["labels"]["traefik.http.routers.gateway.middlewares"].count("sign-in") == 1
