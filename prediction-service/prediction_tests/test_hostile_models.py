"""A folder that is broken, or means harm, is skipped with a reason that a person can act on; nobody else notices."""

import asyncio
import itertools
import os
from pathlib import Path

import httpx
import psutil
import pytest

from prediction_service.batching.runtime import ModelError, NotInTimeError
from prediction_service.models.admission import Admission
from prediction_service.models.folders import status as folder_status
from prediction_service.models.folders.contents import MOST_FILES, fingerprint
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.folders.manifest_file import ManifestError
from prediction_service.models.loader import QueueBounds
from prediction_service.models.remembered import SERVED, RememberedDigests
from prediction_service.models.trials.runner import QUICK_PROCESSOR_SECONDS, TrialBounds, Trials, fault_of
from prediction_tests.hostile_models import BROKEN, MALICIOUS, SLEEPERS, TRIGGER, Fill, drop_in, lost_in_rules, model
from prediction_tests.service import QUICK_DEFAULT, QUICK_MODELS, StartService, assert_problem

MEMORY = 256 * 1024 * 1024
NEVER = ("endless", "dots")
ALL = {**BROKEN, **MALICIOUS}


def admission(seconds: float) -> Admission:
    return Admission(Trials(TrialBounds(seconds, MEMORY)), QueueBounds(1024, 5.0, memory_bytes=MEMORY), seconds)


async def fault(root: Path, name: str, fill: Fill, seconds: float) -> str:
    with pytest.raises((ModelError, ManifestError)) as error:
        await admission(seconds).admit(ModelFolder(name, "1.0.0", drop_in(root, name, fill)))
    return str(error.value)


@pytest.mark.parametrize("name", sorted(ALL.keys() - set(NEVER)))
async def test_what_cannot_be_served_says_why(tmp_path: Path, name: str) -> None:
    fill, reason = ALL[name]
    said = await fault(tmp_path, name, fill, 50)
    assert reason in said
    assert str(tmp_path) not in said


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", NEVER)
async def test_what_never_ends_is_ended_with_everything_that_it_started(tmp_path: Path, name: str) -> None:
    fill, reason = ALL[name]
    assert reason in await fault(tmp_path, name, fill, QUICK_PROCESSOR_SECONDS + 2)
    assert [child for child in psutil.Process().children(recursive=True) if str(tmp_path) in str(child.cmdline())] == []


@pytest.mark.timeout(120)
async def test_folders_that_never_end_do_not_keep_the_others(tmp_path: Path) -> None:
    shared = admission(30)
    never = [
        asyncio.create_task(shared.admit(ModelFolder(name, "1.0.0", drop_in(tmp_path, name, model("endless")))))
        for name in "abc"
    ]
    await asyncio.sleep(0)
    good = await shared.admit(ModelFolder("good", "1.0.0", drop_in(tmp_path, "good", model("even"))))
    assert good.manifest.labels == ["no", "yes"]
    assert not any(task.done() for task in never)
    for task in never:
        task.cancel()
    await asyncio.wait(never)
    assert [child for child in psutil.Process().children() if str(tmp_path) in str(child.cmdline())] == []


@pytest.mark.timeout(60)
async def test_hundreds_of_broken_manifests_start_no_process_and_delay_nobody(
    start_service: StartService, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(200):
        drop_in(models, f"a{number}", model("even", manifest=f'labels = ["no", "yes"]\nodd{number} = 1\n'))
    tried = []
    attempt = Trials._attempt

    def noted(self: Trials, folder: Path, *rest: object):
        tried.append(folder)
        return attempt(self, folder, *rest)

    monkeypatch.setattr(Trials, "_attempt", noted)
    client = await start_service(models_dir=models)
    skipped = (await client.get("/models")).json()["skipped"]
    assert sum("odd" in folder["reason"] for folder in skipped) == 200
    assert (await ask(client, QUICK_DEFAULT, "Fine.")).status_code == 200
    assert len(tried) <= 1


@pytest.mark.timeout(120)
async def test_what_was_served_before_is_tried_before_a_crowd_of_new_folders(tmp_path: Path) -> None:
    def after_a_restart() -> Admission:
        bounds = TrialBounds(30 + next(other), MEMORY)  # other bounds: nothing that this process tried counts
        return Admission(Trials(bounds), QueueBounds(1024, 5.0, memory_bytes=MEMORY), 30, tmp_path)

    other = itertools.count()
    (tmp_path / "models").mkdir()
    good = ModelFolder("good", "1.0.0", drop_in(tmp_path / "models", "good", model("even")))
    await after_a_restart().admit(good)
    restarted = after_a_restart()
    crowd = [
        asyncio.create_task(
            restarted.admit(
                ModelFolder(name, "1.0.0", drop_in(tmp_path / "models", name, model("endless", f"#{name}")))
            )
        )
        for name in "abcdefgh"
    ]
    await asyncio.sleep(0)
    await restarted.admit(good)
    assert not any(task.done() for task in crowd)
    for task in crowd:
        task.cancel()
    await asyncio.wait(crowd)


def test_what_was_served_is_an_order_and_never_a_fault(tmp_path: Path) -> None:
    digests = [f"sha256:{number:064x}" for number in range(1500)]
    served = RememberedDigests(tmp_path, SERVED)
    for digest in digests:
        served.add(digest)
    again = RememberedDigests(tmp_path, SERVED)
    kept = [digest in again for digest in (digests[0], digests[499], digests[500], digests[-1])]
    assert kept == [False, False, True, True]
    (tmp_path / "served-before").write_bytes(os.urandom(1000))
    assert digests[-1] not in RememberedDigests(tmp_path, SERVED)
    RememberedDigests(tmp_path / "nowhere", SERVED).add(digests[0])
    assert digests[0] not in RememberedDigests(None, SERVED)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("target", ["/", "/proc", "/usr/lib"])
async def test_a_version_that_leads_out_of_the_repository_is_skipped_in_no_time(tmp_path: Path, target: str) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "1.0.0").symlink_to(target)
    folder = ModelFolder("away", "1.0.0", tmp_path / "away" / "1.0.0")
    with pytest.raises(ManifestError, match=r"has no model\.toml"):
        await admission(50).admit(folder)
    assert fingerprint(folder.path) == fingerprint(folder.path), "it settles"


@pytest.mark.timeout(60)
async def test_more_files_than_any_model_has_are_not_read(tmp_path: Path) -> None:
    path = drop_in(tmp_path, "many", model("even"))
    (path / "all").symlink_to("/usr")
    with pytest.raises(ModelError, match="has more than 5,000 files and folders"):
        await admission(50).admit(ModelFolder("many", "1.0.0", path))
    (path / "all").unlink()
    (path / "loop").symlink_to(path)
    (path / "around").symlink_to("around")
    (path / "down").mkdir()
    for number in range(MOST_FILES):
        (path / "down" / str(number)).mkdir()
    with pytest.raises(ModelError, match="has more than 5,000 files and folders"):
        await admission(50).admit(ModelFolder("many", "1.0.0", path))


async def test_a_trial_is_told_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("ADMIN_TOKEN", "secret")
    trial = asyncio.create_task(
        admission(30).admit(ModelFolder("a", "1.0.0", drop_in(tmp_path, "a", model("endless"))))
    )
    while not (found := [child for child in psutil.Process().children() if str(tmp_path) in str(child.cmdline())]):
        await asyncio.sleep(0.01)
    assert "secret" not in str(found[0].environ())
    assert os.getpgid(found[0].pid) == found[0].pid
    trial.cancel()
    await asyncio.wait([trial])


@pytest.mark.parametrize(
    ("code", "reason"),
    [(-11, "SIGSEGV"), (-6, "SIGABRT"), (-9, "memory is short"), (-24, "not ready in time"), (3, "code 3")],
)
def test_a_process_that_says_nothing_has_an_end_that_says_something(code: int, reason: str) -> None:
    assert reason in str(fault_of(code))
    assert not isinstance(fault_of(code), NotInTimeError), "it would be no better another time"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    root.mkdir()
    (root / QUICK_DEFAULT).symlink_to((QUICK_MODELS / QUICK_DEFAULT).resolve())
    return root


def ask(client: httpx.AsyncClient, name: str, text: str):
    return client.post("/predict", json={"text": text, "model_name": name})


async def states(client: httpx.AsyncClient) -> dict[str, str]:
    return {model["name"]: model["state"] for model in (await client.get("/models")).json()["models"]}


async def test_a_call_that_never_ends_makes_that_model_unavailable_and_no_other(
    start_service: StartService, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_status, "RETRY_SECONDS", 1.0)
    drop_in(models, "sleeper", model(SLEEPERS["sleeping-endless"], "[batching]\nworkers = 1"))
    client = await start_service(models_dir=models, model_call_seconds=1)
    assert (await ask(client, "sleeper", "good")).status_code == 200
    never = asyncio.create_task(ask(client, "sleeper", TRIGGER))
    queued = asyncio.create_task(ask(client, "sleeper", "good"))
    while not never.done():
        assert (await ask(client, QUICK_DEFAULT, "A long and fine day. " * 40)).status_code == 200
    for answer in (await never, await queued, await ask(client, "sleeper", "good")):
        problem = assert_problem(answer, 503)
        assert problem["type"] == "urn:problem-type:model-unavailable"
        assert int(answer.headers["retry-after"]) > 0
    assert await states(client) == {QUICK_DEFAULT: "ready", "sleeper": "unavailable"}
    assert (await client.get("/v2/models/sleeper/ready")).status_code == 503
    health = (await client.get("/health")).json()
    assert health["status"] == "degraded"
    assert "sleeper/1.0.0 unavailable" in health["components"]["models"]["detail"]
    while (await ask(client, "sleeper", "good")).status_code != 200:
        await asyncio.sleep(0.05)
    assert await states(client) == {QUICK_DEFAULT: "ready", "sleeper": "ready"}
    assert (await client.get("/health")).json()["status"] == "ok"


@pytest.mark.timeout(120)
async def test_what_the_machine_had_no_time_for_is_tried_again_by_itself(
    start_service: StartService, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial that is stopped gets no processor, as on a machine that is much too busy."""
    monkeypatch.setattr(folder_status, "RETRY_SECONDS", 1.0)
    client = await start_service(models_dir=models, model_load_seconds=4)
    drop_in(models, "late", model("even"))
    stopped: set[int] = set()
    while not (skipped := (await client.get("/models")).json()["skipped"]):
        for trial in trials_of(models / "late"):
            trial.suspend()
            stopped.add(trial.pid)
        await asyncio.sleep(0.01)
    assert stopped
    assert skipped[0]["reason"].endswith("(MODEL_LOAD_SECONDS); it is tried again by itself")
    while (await ask(client, "late", "good")).status_code != 200:
        await asyncio.sleep(0.05)
    assert (await client.get("/models")).json()["skipped"] == []


def trials_of(folder: Path) -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if str(folder) in " ".join(child.cmdline())]


async def test_a_default_model_that_does_not_come_back_is_no_health(start_service: StartService, models: Path) -> None:
    drop_in(models, "sleeper", model(SLEEPERS["sleeping-endless"]))
    client = await start_service(models_dir=models, model_call_seconds=1, default_model="sleeper")
    assert (await client.post("/predict", json={"text": TRIGGER})).status_code == 503
    health = await client.get("/health")
    assert (health.status_code, health.json()["status"]) == (503, "down")
    assert (await client.get("/v2/health/ready")).status_code == 503
    assert (await ask(client, QUICK_DEFAULT, "Fine.")).status_code == 200


async def test_a_call_that_eats_memory_fails_alone_and_leaves_no_more_than_its_bound(
    start_service: StartService, models: Path
) -> None:
    drop_in(models, "hog", model(SLEEPERS["sleeping-hog"]))
    client = await start_service(models_dir=models, model_memory_bytes=64 * 1024 * 1024)
    assert (await ask(client, "hog", "good")).status_code == 200
    before = psutil.Process().memory_info().rss
    assert_problem(await ask(client, "hog", TRIGGER), 500)
    assert psutil.Process().memory_info().rss - before < 96 * 1024 * 1024
    assert (await ask(client, "hog", "good")).status_code == 200
    assert (await client.get("/health")).json()["status"] == "ok"


async def test_a_row_that_cannot_be_computed_has_its_error_in_its_place(
    start_service: StartService, models: Path
) -> None:
    drop_in(models, "nan", model(SLEEPERS["sleeping-nan"]))
    client = await start_service(models_dir=models)
    texts = ["one", TRIGGER, " ", "four"]
    answer = await client.post("/predict/batch", json={"texts": texts, "model_name": "nan"})
    one, two, three, four = answer.json()["predictions"]
    assert answer.status_code == 200
    assert one["prediction_label"] == four["prediction_label"] == "no"
    assert (two["error"]["type"], two["error"]["status"]) == ("urn:problem-type:model-failed", 500)
    assert three["error"]["status"] == 422
    assert_problem(await ask(client, "nan", TRIGGER), 500)
    assert_problem(await client.post("/predict/batch", json={"texts": [TRIGGER] * 3, "model_name": "nan"}), 500)
    assert (await client.get("/v2/models/nan/stats")).json()["model_stats"][0]["inference_count"] == 2


async def test_tensors_have_no_place_for_an_error_so_the_request_fails_and_nothing_is_recorded(
    start_service: StartService, models: Path, database
) -> None:
    drop_in(models, "nan", model(SLEEPERS["sleeping-nan"]))
    client = await start_service(models_dir=models)
    tensor = {"name": "text", "shape": [3], "datatype": "BYTES", "data": ["one", TRIGGER, "three"]}
    answer = await client.post("/v2/models/nan/infer", json={"inputs": [tensor]})
    assert answer.status_code == 500
    assert "text number 1" in answer.json()["error"]
    assert await database.fetch("SELECT 1 FROM predictions.prediction") == []


async def test_a_folder_that_loads_for_ever_beside_good_ones_does_not_keep_the_service(
    start_service: StartService, models: Path
) -> None:
    drop_in(models, "endless", model("endless"))
    drop_in(models, "good", model("even"))
    client = await start_service(models_dir=models)
    assert (await ask(client, QUICK_DEFAULT, "Fine.")).status_code == 200
    listed = (await client.get("/models")).json()
    assert {loaded["name"] for loaded in listed["models"]} == {QUICK_DEFAULT, "good"}
    assert [(folder["folder"], folder["state"]) for folder in listed["waiting"]] == [("endless/1.0.0", "loading")]
    drop_in(models, "later", model("even"))
    while "later" not in await states(client):
        await asyncio.sleep(0.05)


async def test_a_text_that_no_token_can_be_made_of_has_its_error_in_its_place(
    start_service: StartService, models: Path
) -> None:
    """The tokenizer's rule gets lost in a word of this length, which no trial knows."""
    folder = drop_in(models, "lost", lost_in_rules)
    tokenizer = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(tokenizer.replace("(a|aa)+b", "(x|xx)+y"))
    client = await start_service(models_dir=models)
    for texts in (["good", "x" * 60, "fine"], ["good " * 200, "x" * 5000, "fine"]):
        answer = await client.post("/predict/batch", json={"texts": texts, "model_name": "lost"})
        one, two, three = answer.json()["predictions"]
        assert one["prediction_label"]
        assert three["prediction_label"]
        assert two["error"]["type"] == "urn:problem-type:model-failed"
        assert_problem(await ask(client, "lost", texts[1]), 500)
    assert (await ask(client, "lost", "good")).status_code == 200
