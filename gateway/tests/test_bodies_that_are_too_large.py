"""A 413 reaches every client, however large the body and however it is sent."""

import asyncio
from pathlib import Path

import httpx
import pytest
from conftest import UpstreamServer

from shared.testing.foreign_clients import FOREIGN_CLIENTS


@pytest.mark.parametrize("name", FOREIGN_CLIENTS)
@pytest.mark.parametrize("size", [2_000_000, 20_000_000])
async def test_every_client_reads_the_refusal(
    gateway: httpx.AsyncClient, upstream: UpstreamServer, tmp_path: Path, name: str, size: int
) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x" * size)
    status, said = await asyncio.to_thread(FOREIGN_CLIENTS[name], f"{str(gateway.base_url).rstrip('/')}/feedback", body)
    assert status == 413
    assert "request_id" in said
    assert upstream.requests == []
