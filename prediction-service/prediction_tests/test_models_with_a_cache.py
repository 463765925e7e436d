"""`[cache]` in a manifest: the same response, on record and marked, without the model."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from prometheus_client import REGISTRY

from prediction_service.batching.job import Outcome
from prediction_service.batching.problems import CallerLeft, DeadlinePassed, ModelUnavailable, TookTooLong
from prediction_service.caching.flights import PATIENT
from prediction_service.models.folders.manifest_file import ManifestError, read_manifest
from prediction_service.predict import trace_model
from prediction_service.request.caller import Caller
from prediction_tests.gated_model import LABELS, GatedRuntime, batcher_of, busy, queued
from prediction_tests.process import service_process
from prediction_tests.python_models import python_model
from prediction_tests.rollouts import CANARY, PINNED, put, until_loaded, with_versions
from prediction_tests.service import QUICK_DEFAULT, QUICK_MODELS, StartService
from shared.embedded.ports import free_ports
from shared.http.problems import Overloaded
from shared.testing.postgres import Database
from shared.tracing.span import Span, spans

FOLDER = f"{QUICK_DEFAULT}/1.0.0"
CACHE = "\n[cache]\nrows = 100\n"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    shutil.copytree(QUICK_MODELS, root)
    with (root / FOLDER / "model.toml").open("a") as manifest:
        manifest.write(CACHE)
    return root


DIFFER = {"prediction_id", "timestamp", "inference_time_ms", "metrics_data"}
"""What no two predictions have in common, or only by chance."""


def without_what_differs(prediction: dict) -> dict:
    return {name: without_what_differs(value) if isinstance(value, dict) else value
            for name, value in prediction.items() if name not in DIFFER}  # fmt: skip


async def test_the_response_is_the_same_and_on_record_and_says_that_it_was_kept(
    start_service: StartService, models: Path, database: Database
) -> None:
    client = await start_service(models_dir=models)
    first, second = [(await client.post("/predict", json={"text": "A lovely day."})).json() for _ in range(2)]
    assert without_what_differs(first) == without_what_differs(second)
    assert first["metric"]["metrics_data"]["batch_rows"] == 1
    assert second["metric"]["metrics_data"] == {"cache": "hit", "queue_time_ms": 0.0}
    assert second["metric"]["inference_time_ms"] == 0
    assert first["metric"]["prediction_id"] != second["metric"]["prediction_id"]
    rows = await database.fetch(
        "SELECT prediction_label, confidence, metrics_data->>'cache' AS cache FROM predictions.prediction"
        " ORDER BY created_at, prediction_id"
    )
    assert [row["cache"] for row in rows] == [None, "hit"]
    assert len({(row["prediction_label"], row["confidence"]) for row in rows}) == 1


async def test_every_way_in_knows_what_any_other_asked(start_service: StartService, models: Path) -> None:
    client = await start_service(models_dir=models)
    text = "What a wonderful little server!"
    batch = await client.post("/predict/batch", json={"texts": [text, "Dull.", text]})
    marks = [each["metric"]["metrics_data"].get("cache") for each in batch.json()["predictions"]]
    assert marks == [None, None, "hit"]
    stream = await client.post("/predict/batch", content=f"text\n{text}\nDull.\n", headers={"Content-Type": "text/csv"})
    assert stream.status_code == 200
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}
    assert (await client.post(f"/v2/models/{QUICK_DEFAULT}/infer", json={"inputs": [tensor]})).status_code == 200
    (stats,) = (await client.get(f"/v2/models/{QUICK_DEFAULT}/stats")).json()["model_stats"]
    said = stats["inference_stats"]
    assert [said[name]["count"] for name in ("cache_hit", "cache_miss")] == [4, 2]
    assert said["cache_hit"]["ns"] > 0
    assert said["cache_miss"]["ns"] > 0
    assert stats["inference_count"] == 6
    assert [said[name]["count"] for name in ("success", "queue", "compute_infer")] == [3, 3, 1]
    assert sum(each["batch_size"] * each["compute_infer"]["count"] for each in stats["batch_stats"]) == 2


async def test_other_contents_of_its_folder_are_another_cache_and_so_is_what_is_loaded_anew(
    start_service: StartService, models: Path
) -> None:
    client = await start_service(models_dir=models)

    async def mark() -> str | None:
        response = await client.post("/predict", json={"text": "A lovely day."})
        return response.json()["metric"]["metrics_data"].get("cache")

    async def digest() -> str:
        return (await client.get("/models")).json()["models"][0]["digest"]

    assert [await mark(), await mark()] == [None, "hit"]
    before = await digest()
    (models / FOLDER / "README.md").write_text("A note.\n")
    async with asyncio.timeout(60):
        while await digest() == before:
            await asyncio.sleep(0.05)
    assert [await mark(), await mark()] == [None, "hit"]
    (await client.post(f"/v2/repository/models/{QUICK_DEFAULT}/load")).raise_for_status()
    assert [await mark(), await mark()] == [None, "hit"]


ECHO = """
import numpy as np

def predict(rows):
    return [{"text": row["text"], "sizes": np.full((len(rows), 3), len(row["text"]), "i4")[0]} for row in rows]
"""
MANIFEST = 'task_type = "generic"\n[[inputs]]\nname = "text"\ntype = "text"\n[runtime]\nkind = "python"\n'


async def test_a_python_model_in_its_own_process_is_not_asked_again(start_service: StartService, models: Path) -> None:
    python_model(models, ECHO, MANIFEST + CACHE)
    client = await start_service(models_dir=models)

    async def ask(text: str) -> dict:
        response = await client.post("/predict", json={"inputs": {"text": text}, "model_name": "own"})
        assert response.status_code == 200, response.text
        return response.json()

    many = await asyncio.gather(*[ask("a") for _ in range(20)])
    assert sorted(each["metric"]["metrics_data"].get("cache", "") for each in many) == ["", *["hit"] * 19]
    assert {json.dumps(each["raw_output"]) for each in many} == {json.dumps((await ask("a"))["raw_output"])}
    (stats,) = (await client.get("/v2/models/own/stats")).json()["model_stats"]
    assert stats["execution_count"] == 1
    assert (await ask("b"))["raw_output"] != many[0]["raw_output"]


@pytest.mark.parametrize("policy", [CANARY | {"share": 50}, CANARY | {"mode": "shadow", "share": 100, "sticky": None}])
async def test_while_two_versions_are_compared_nobody_is_answered_from_a_cache(
    start_service: StartService, tmp_path: Path, policy: dict
) -> None:
    root = with_versions(tmp_path / "versions", "1.0.0", "2.0.0")
    for version in ("1.0.0", "2.0.0"):
        with (root / QUICK_DEFAULT / version / "model.toml").open("a") as manifest:
            manifest.write(CACHE)
    client = await start_service(models_dir=root)
    await until_loaded(client, "1.0.0", "2.0.0")

    async def mark(**named: str) -> str | None:
        response = await client.post("/predict", json={"text": "A lovely day."} | named, headers={"X-User": "u"})
        return response.json()["metric"]["metrics_data"].get("cache")

    named = {"model_name": QUICK_DEFAULT, "model_version": "1.0.0"}
    await put(client, 0, PINNED)
    assert [await mark(), await mark()] == [None, "hit"]
    await put(client, 1, {name: value for name, value in policy.items() if value is not None})
    assert [await mark(), await mark()] == [None, None]
    assert await mark(**named) == "hit"


CACHED = {"cache_rows": 100, "cache_bytes": 1 << 20}


async def test_each_waits_for_what_is_under_way_as_long_as_it_gives(runtime: GatedRuntime) -> None:
    batcher, door = batcher_of(runtime, **CACHED), asyncio.Event()

    async def left() -> None:
        await door.wait()

    leading = asyncio.create_task(batcher.run(["a"], Caller(left)))
    await asyncio.to_thread(runtime.started.acquire)
    with pytest.raises(DeadlinePassed, match=r"within the 0\.05 s of the caller"):
        await batcher.run(["a"], Caller(None, 0.05))
    following = asyncio.create_task(batcher.run(["a"], PATIENT))
    await asyncio.sleep(0)
    door.set()
    with pytest.raises(CallerLeft):
        await leading
    runtime.gate.set()
    (result,) = await following
    assert isinstance(result, Outcome)
    assert result.is_cached
    assert result.queue_seconds == 0, "the call had begun when it came"
    assert runtime.calls == [["a"]]
    assert await batcher.run(["a"], PATIENT) == [Outcome(result.output, 0.0, 0, 0.0, is_cached=True)]
    (alone,) = await batcher.run(["a"], PATIENT, use_cache=False)
    assert isinstance(alone, Outcome)
    assert not alone.is_cached
    assert runtime.calls == [["a"], ["a"]]
    await batcher.close()


async def test_the_time_of_the_service_is_over_for_all_at_once(runtime: GatedRuntime) -> None:
    batcher = batcher_of(runtime, **CACHED, timeout_seconds=0.3)
    other = await busy(batcher, runtime)
    results = await asyncio.gather(*[batcher.run(["a"], PATIENT) for _ in range(3)], other, return_exceptions=True)
    assert [type(result) for result in results] == [TookTooLong] * 4
    runtime.gate.set()
    await batcher.close()


async def test_a_full_queue_refuses_at_once_what_it_would_have_to_compute_and_nothing_that_is_kept(
    runtime: GatedRuntime,
) -> None:
    batcher = batcher_of(runtime, **CACHED, queue_rows=4)
    runtime.gate.set()
    await batcher.run(["kept"], PATIENT)
    runtime.gate.clear()
    runtime.started.acquire()
    first = await busy(batcher, runtime)
    waiting = await queued(batcher, *"abcd")
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await batcher.run(["first", "one too many"], PATIENT)
    assert not first.done()
    assert await batcher.run(["kept"], PATIENT) == [Outcome([1.0], 0.0, 0, 0.0, is_cached=True)]
    runtime.gate.set()
    assert len(await waiting) == 4
    await batcher.close()


async def test_a_small_request_is_computed_before_a_large_one_that_has_its_row_too(runtime: GatedRuntime) -> None:
    batcher = batcher_of(runtime, **CACHED, max_rows=1, queue_rows=1000)
    first = await busy(batcher, runtime)
    large = await queued(batcher, *map(str, range(200)))
    small = await queued(batcher, "199")
    runtime.gate.set()
    assert (len(await small), len(await large)) == (1, 200)
    assert runtime.calls.count(["199"]) == 2
    assert runtime.calls.index(["199"]) < 10
    await first
    await batcher.close()


async def test_a_model_that_takes_no_requests_takes_none_from_its_cache(runtime: GatedRuntime) -> None:
    batcher = batcher_of(runtime, **CACHED, call_seconds=0.1)
    runtime.gate.set()
    await batcher.run(["kept"], PATIENT)
    runtime.gate.clear()
    stuck = [asyncio.create_task(batcher.run(["stuck"], PATIENT)) for _ in range(3)]
    assert [type(error) for error in await asyncio.gather(*stuck, return_exceptions=True)] == [ModelUnavailable] * 3
    with pytest.raises(ModelUnavailable):
        await batcher.run(["kept"], PATIENT)
    runtime.gate.set()
    await batcher.close()


def test_a_trace_says_how_many_rows_the_cache_spared_and_shows_the_call_for_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended, traced = list[Span](), list[Outcome]()
    monkeypatch.setattr(spans, "put", ended.append)
    batcher = SimpleNamespace(traced=lambda outcome, _: traced.append(outcome))
    model = SimpleNamespace(name="m", version="1", batcher=batcher)
    computed, kept = Outcome([1.0], 0.25, 8, 0.5), Outcome([1.0], 0.0, 0, 3.0, is_cached=True)
    trace_model(all_kept := Span("compute", "1", "2"), model, [kept, kept])
    assert (all_kept.attributes["modelserver.cached_rows"], ended, traced) == (2, [], [])
    trace_model(some_kept := Span("compute", "1", "2"), model, [kept, computed])
    assert some_kept.attributes["modelserver.cached_rows"] == 1
    assert [span.name for span in ended] == ["queue", "model"]
    assert traced == [computed]


async def test_without_a_cache_nothing_is_kept_or_marked(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        metric = (await client.post("/predict", json={"text": "A lovely day."})).json()["metric"]
        assert metric["metrics_data"].keys() == {"batch_rows", "queue_time_ms"}
    (stats,) = (await client.get(f"/v2/models/{QUICK_DEFAULT}/stats")).json()["model_stats"]
    assert stats["inference_stats"]["cache_hit"] == stats["inference_stats"]["cache_miss"] == {"count": 0, "ns": 0}


@pytest.fixture
def server(database: Database, tmp_path: Path, models: Path) -> Iterator[tuple[triton.InferenceServerClient, str]]:
    port = next(free_ports())
    process = service_process(database, tmp_path, MODELS_DIR=str(models), TELEMETRY_PORT=str(port))
    process.start()
    client = triton.InferenceServerClient(f"127.0.0.1:{process.port}")
    yield client, f"http://127.0.0.1:{port}/metrics"
    client.close()
    process.stop()


def test_tritons_client_reads_its_statistics_and_prometheus_its_counts(
    server: tuple[triton.InferenceServerClient, str],
) -> None:
    client, metrics = server
    tensor = triton.InferInput("text", [3], "BYTES")
    tensor.set_data_from_numpy(np.array(["Fine.", "Bad.", "Fine."], dtype=np.object_))
    for _ in range(2):
        client.infer(QUICK_DEFAULT, [tensor])
    (stats,) = client.get_inference_statistics(QUICK_DEFAULT)["model_stats"]
    assert [stats["inference_stats"][name]["count"] for name in ("cache_hit", "cache_miss")] == [4, 2]
    exposed = httpx.get(metrics).text
    labels = f'{{model_name="{QUICK_DEFAULT}",model_version="1.0.0"}}'
    for line in (f"prediction_cache_hits_total{labels} 4.0", f"prediction_cache_misses_total{labels} 2.0"):
        assert line in exposed
    assert f"prediction_cache_rows{labels} 2.0" in exposed
    assert f"prediction_cache_bytes{labels} 1" in exposed


async def test_what_a_model_kept_before_it_was_loaded_anew_is_not_counted_any_more(runtime: GatedRuntime) -> None:
    runtime.gate.set()
    nothing = shown()
    before = batcher_of(runtime, **CACHED)
    await before.run(["a", "b"], PATIENT)
    after = batcher_of(runtime, **CACHED)
    await after.run(["a"], PATIENT)
    held = shown()
    await before.close()
    assert (held["rows"] - shown()["rows"], shown()["bytes"] < held["bytes"]) == (2, True)
    await after.close()
    assert shown() == nothing


def shown() -> dict[str, float]:
    """What Prometheus is told of the gated model's caches."""
    names = {"rows": "prediction_cache_rows", "bytes": "prediction_cache_bytes"}
    return {short: REGISTRY.get_sample_value(name, LABELS) or 0 for short, name in names.items()}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("rows = -1", "cache.rows"),
        ("rows = 1_000_001", "cache.rows"),
        ("megabytes = 0", "cache.megabytes"),
        ("seconds = 3", "cache.seconds"),
    ],
)
def test_a_cache_without_bounds_is_none(models: Path, said: str, reason: str) -> None:
    file = models / FOLDER / "model.toml"
    file.write_text(file.read_text().replace("rows = 100", said))
    with pytest.raises(ManifestError, match=reason):
        read_manifest(file.parent)
