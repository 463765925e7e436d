"""The disk of the journal is full while Postgres is away: 503, one line, nothing left behind, and back by itself."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from prediction_service.records.journal import Journal, Segment
from prediction_tests.service import StartService, assert_problem
from shared.testing.postgres import PostgresServer

TEXT = {"text": "A fine day."}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    mount = subprocess.run(command, check=False, capture_output=True, text=True)
    if mount.returncode:
        pytest.skip(f"no file system can be mounted here: {mount.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
async def without_postgres(postgres_server: PostgresServer) -> AsyncIterator[None]:
    postgres_server.kill()
    yield
    await asyncio.to_thread(postgres_server.start_and_wait)


async def until(client: httpx.AsyncClient, status: int) -> httpx.Response:
    async with asyncio.timeout(20):
        while (answer := await client.post("/predict", json=TEXT)).status_code != status:
            assert answer.status_code in {200, 503}, answer.text
    return answer


async def test_a_full_disk_is_a_503_once_in_the_log_and_ends_when_there_is_room(
    start_service: StartService, small_disk: Path, without_postgres: None
) -> None:
    filler = small_disk / "somebody elses"
    filler.write_bytes(bytes(40 * 1024))
    client = await start_service(journal_dir=small_disk / "journal")
    with capture_logs() as lines:
        answer = await until(client, 503)
        assert assert_problem(answer, 503)["type"] == "urn:problem-type:journal-full"
        assert answer.headers["retry-after"] == "5"
        before = sorted((small_disk / "journal").iterdir())
        for _ in range(20):
            assert (await client.post("/predict", json=TEXT)).status_code == 503
        assert (await client.get("/health/ready")).status_code == 503
    told = [line for line in lines if line["event"] == "the journal cannot be written: predictions are refused"]
    assert [line["reason"] for line in told] == ["No space left on device"]
    assert not any("exc_info" in line for line in lines)
    assert sorted((small_disk / "journal").iterdir()) == before
    assert all(path.stat().st_size for path in before)

    filler.unlink()
    async with asyncio.timeout(10):
        while (await client.get("/health/ready")).status_code != 200:  # without any request that would show it
            await asyncio.sleep(0.02)
    assert (await client.post("/predict", json=TEXT)).status_code == 200


async def test_a_disk_that_is_full_from_the_start_keeps_no_empty_file(
    start_service: StartService, small_disk: Path, without_postgres: None
) -> None:
    (small_disk / "journal").mkdir()
    with (small_disk / "full").open("wb", buffering=0) as full, contextlib.suppress(OSError):
        while full.write(bytes(4096)):
            pass
    client = await start_service(journal_dir=small_disk / "journal")
    for _ in range(3):
        answer = await client.post("/predict", json=TEXT)
        assert assert_problem(answer, 503)["type"] == "urn:problem-type:journal-full"
    assert list((small_disk / "journal").iterdir()) == []


def test_what_was_written_before_the_disk_was_full_stays(small_disk: Path) -> None:
    segment = Segment.create(small_disk / "journal")
    segment.append(b"kept\n")
    with pytest.raises(OSError, match="No space"):
        segment.append(bytes(128 * 1024))
    assert list(segment.lines()) == [b"kept\n"]
    segment.close()


def test_trying_leaves_nothing_behind(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", 1_000_000)
    journal.try_to_write()
    assert list((tmp_path / "journal").iterdir()) == []
