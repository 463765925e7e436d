"""Makes a stack for `docker stack deploy` of what `docker compose config --format json` says.

Both speak of the same things, but a swarm's parser is older: some types differ, and it refuses what it cannot do. The
contents of secrets and configs cannot change in a swarm, so each gets the digest of its content in its name: a change
makes a new one, and the services that use it are rolled over to it.

    docker compose -f docker-compose.yml -f deploy/swarm/stack.yml config --format json | python3 deploy/swarm/render.py
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

NOT_IN_A_SWARM = ("build", "container_name", "depends_on", "restart", "security_opt", "shm_size", "profiles")
"""A swarm builds nothing, starts all at once and restarts by its own policy; it knows no no-new-privileges."""

Document = dict[str, Any]


def stack_of(project: Document) -> Document:
    """The stack for a Compose project."""
    return {
        "version": "3.13",
        "services": {name: service_of(service) for name, service in project["services"].items()},
        "networks": {name: {"driver": "overlay", **network} for name, network in project["networks"].items()},
        "volumes": project["volumes"],
        "secrets": {name: with_digest(project["name"], name, file) for name, file in project["secrets"].items()},
        "configs": {name: with_digest(project["name"], name, file) for name, file in project["configs"].items()},
    }


def service_of(service: Document) -> Document:
    """A service as a swarm reads it."""
    service = {key: value for key, value in service.items() if key not in NOT_IN_A_SWARM and value is not None}
    temporary = [{"type": "tmpfs", "target": path} for path in service.pop("tmpfs", ())]
    service["volumes"] = [*service.get("volumes", ()), *temporary]
    limits = service["deploy"]["resources"]["limits"]
    limits["cpus"] = str(limits["cpus"])
    for port in service.get("ports", ()):
        port["published"] = int(port["published"])
    return service


def with_digest(project: str, name: str, file: Document) -> Document:
    """A secret or a config whose name says what is in it."""
    digest = hashlib.sha256(Path(file["file"]).read_bytes()).hexdigest()[:12]
    return {"file": file["file"], "name": f"{project}_{name}_{digest}"}


if __name__ == "__main__":
    json.dump(stack_of(json.load(sys.stdin)), sys.stdout, indent=1)
