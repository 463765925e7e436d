"""Models with several versions, and requests about who gets which."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import httpx

from prediction_tests.service import MODELS

NAME = "sentiment-lexicon"
TEXT = {"text": "A fine day."}
ROLLOUT = f"/models/{NAME}/rollout"
BECAUSE = {"reason": "a test"}

PINNED = {"mode": "pinned", "stable_version": "1.0.0"}
CANARY = {
    "mode": "canary", "stable_version": "1.0.0", "candidate_version": "2.0.0", "share": 10, "sticky": "header:X-User",
}  # fmt: skip


def add_version(root: Path, version: str, **files: str) -> Path:
    """A version that appears at once, with everything in it; `files`: further ones, names without their ending."""
    hidden = root / NAME / f".{version}"
    shutil.copytree(MODELS / NAME / "1.0.0", hidden)
    for stem, content in files.items():
        (hidden / f"{stem}.jsonl").write_text(content)
    return hidden.rename(root / NAME / version)


def with_versions(root: Path, *versions: str) -> Path:
    """A repository of one model."""
    (root / NAME).mkdir(parents=True)
    for version in versions:
        add_version(root, version)
    return root


async def put(client: httpx.AsyncClient, revision: int, policy: dict[str, Any]) -> dict[str, Any]:
    """The policy in force after it was put in the place of another."""
    answer = await client.put(ROLLOUT, json=BECAUSE | {"revision": revision} | policy)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def version_for(client: httpx.AsyncClient, user: str = "", **body: object) -> str:
    """The version that gave this user an answer."""
    answer = await client.post("/predict", json=TEXT | body, headers={"X-User": user} if user else None)
    assert answer.status_code == 200, answer.text
    return answer.json()["model_version"]


async def versions_for(client: httpx.AsyncClient, users: list[str]) -> dict[str, str]:
    """User → the version that they got."""
    return {user: await version_for(client, user) for user in users}


async def until_loaded(client: httpx.AsyncClient, *versions: str) -> None:
    """Waits until exactly these versions of the model are loaded."""
    async with asyncio.timeout(90):
        while {model["version"] for model in (await client.get("/models")).json()["models"]} != set(versions):
            await asyncio.sleep(0.02)
