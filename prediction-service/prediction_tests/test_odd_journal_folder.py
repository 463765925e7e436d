"""Notes beside the journal decide about no model: whatever lies there, the service starts and serves."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from prediction_service.models.crashes import Crashes, read_counts
from prediction_service.models.remembered import SERVED, RememberedDigests
from prediction_tests.hostile_models import drop_in, model
from prediction_tests.service import StartService

DIGEST = f"sha256:{1:064x}"


def a_folder(path: Path) -> None:
    path.mkdir()
    (path / "inner").write_text("")


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_long_link(path: Path) -> None:
    path.symlink_to("a" * 300)


def a_device(path: Path) -> None:
    path.symlink_to("/dev/full")


ODD = [a_folder, a_pipe, a_long_link]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("put", ODD)
async def test_a_service_starts_and_serves_new_models_among_odd_notes(
    start_service: StartService, tmp_path: Path, put: Callable[[Path], None]
) -> None:
    (tmp_path / "journal").mkdir()
    for name in ("served-before", "served-before.draft", "crashes.json", f"crashes.json.{os.getpid()}.draft"):
        put(tmp_path / "journal" / name)
    put(tmp_path / "journal" / "x.calls")
    (tmp_path / "models").mkdir()
    drop_in(tmp_path / "models", "good", model("even"))
    client = await start_service(models_dir=tmp_path / "models", default_model="good")
    assert (await client.post("/predict", json={"text": "x"})).status_code == 200
    drop_in(tmp_path / "models", "new", model("even"))
    async with asyncio.timeout(30):
        while (await client.post("/predict", json={"text": "x", "model_name": "new"})).status_code != 200:
            await asyncio.sleep(0.02)
    assert (await client.get("/models")).json()["skipped"] == []


@pytest.mark.timeout(30)
@pytest.mark.parametrize("put", [*ODD, a_device])
@pytest.mark.parametrize("name", ["served-before", "served-before.draft"])
def test_what_was_served_is_remembered_by_the_process_at_least(
    tmp_path: Path, name: str, put: Callable[[Path], None]
) -> None:
    put(tmp_path / name)
    served = RememberedDigests(tmp_path, SERVED)
    with capture_logs() as lines:
        served.add(DIGEST)
    assert DIGEST in served
    assert DIGEST in RememberedDigests(tmp_path, SERVED) or [line["event"] for line in lines] == [
        "a digest is not remembered"
    ]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("put", ODD)
def test_calls_are_noted_down_beside_an_odd_file_of_calls(tmp_path: Path, put: Callable[[Path], None]) -> None:
    put(tmp_path / "x.calls")
    with capture_logs() as lines, Crashes(tmp_path).watching():
        assert len(list(tmp_path.glob("*-*.calls"))) == 1
    assert [line["event"] for line in lines] == ["a file of calls is left alone"]
    assert not list(tmp_path.glob("*-*.calls"))


@pytest.mark.parametrize(
    "junk",
    [
        *(
            f'{{"a": {count}}}'
            for count in ("1e999", "Infinity", "-Infinity", "NaN", "1.5", "-1", "true", "null", '"2"')
        ),
        *('{"a": ' + "9" * digits + "}" for digits in (40, 4000, 5000)),
        *("[1]", "7", '"', "\ud800", '{"a":' * 100_000, " " * (2 << 20)),
    ],
    ids=lambda junk: ascii(junk[:12]),
)
def test_counts_that_are_none_are_as_good_as_no_file_and_told_once(tmp_path: Path, junk: str) -> None:
    (tmp_path / "crashes.json").write_bytes(junk.encode(errors="surrogatepass"))
    crashes = Crashes(tmp_path)
    with capture_logs() as lines, crashes.watching():
        crashes.check("a")
        crashes.forgive("a")
    assert [line["event"] for line in lines] == ["what crashed before is not known"]


def test_without_a_file_of_counts_nothing_is_told(tmp_path: Path) -> None:
    with capture_logs() as lines:
        assert read_counts(tmp_path / "crashes.json") == {}
    assert lines == []
