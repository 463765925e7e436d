"""What a model's author says of it is told as it is, and nothing else of the disk."""

import shutil
from pathlib import Path

import httpx
import pytest

from prediction_service.models.card import MOST_BYTES
from prediction_tests.service import MODELS, QUICK_MODELS, StartService, assert_problem

CARD = "# Card\n\n<script>alert(1)</script> für alle ✓\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a version, without a card."""
    shutil.copytree(QUICK_MODELS / "sentiment-lexicon", tmp_path / "models" / "sentiment-lexicon")
    (folder,) = (tmp_path / "models" / "sentiment-lexicon").iterdir()
    return folder


async def card_of(folder: Path, start_service: StartService) -> tuple[dict, httpx.Response]:
    """What the list says of the version, and the card."""
    client = await start_service(models_dir=folder.parents[1])
    (model,) = (await client.get("/models")).json()["models"]
    return model, await client.get(f"/models/{folder.parent.name}/{folder.name}/card")


async def test_a_card_is_told_as_it_is(folder: Path, start_service: StartService) -> None:
    (folder / "README.md").write_text(CARD)
    model, answer = await card_of(folder, start_service)
    assert (answer.status_code, answer.content) == (200, CARD.encode())
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert model["card"] is True


@pytest.mark.parametrize("size", [0, MOST_BYTES])
async def test_any_size_up_to_the_bound(folder: Path, start_service: StartService, size: int) -> None:
    (folder / "README.md").write_bytes(b"a" * size)
    model, answer = await card_of(folder, start_service)
    assert (model["card"], answer.content) == (True, b"a" * size)


def nothing(file: Path) -> None:
    """There is no file."""


def link_outside(file: Path) -> None:
    secret = file.parents[3] / "secret"
    secret.write_text("secret")
    file.symlink_to(secret)


def link_inside(file: Path) -> None:
    file.symlink_to("model.toml")


UNFIT = {
    "nothing": nothing,
    "a link outside": link_outside,
    "a link inside": link_inside,
    "too long": lambda file: file.write_bytes(b"a" * (MOST_BYTES + 1)),
    "no UTF-8": lambda file: file.write_bytes(b"caf\xe9"),
    "a folder": Path.mkdir,
}


@pytest.mark.parametrize("make", UNFIT.values(), ids=UNFIT)
async def test_what_is_no_card_is_not_told_and_costs_nothing_else(
    folder: Path, start_service: StartService, make: object
) -> None:
    make(folder / "README.md")  # type: ignore[operator]
    model, answer = await card_of(folder, start_service)
    problem = assert_problem(answer, 404)
    assert problem["type"] == "urn:problem-type:card-not-found"
    assert "secret" not in answer.text
    assert (model["card"], model["state"]) == (False, "ready")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/models/nobody/1.0.0/card", 404),
        ("/models/sentiment-lexicon/9.9.9/card", 404),
        ("/models/sentiment-lexicon/..%2f1.0.0/card", 404),
        ("/models/sentiment-lexicon/newest/card", 422),
        ("/models/-/1.0.0/card", 422),
        ("/models/sentiment-lexicon/1.0.0/card?file=model.toml", 422),
    ],
)
async def test_nothing_else_is_named_by_a_path(start_service: StartService, path: str, status: int) -> None:
    assert_problem(await (await start_service()).get(path), status)


async def test_a_card_is_that_of_what_serves(folder: Path, start_service: StartService) -> None:
    """Also when the folder has another one by now, whose version cannot be served."""
    (folder / "README.md").write_text(CARD)
    client = await start_service(models_dir=folder.parents[1])
    (folder / "README.md").write_text("another")
    (folder / "model.toml").write_text("nonsense")
    path = f"/models/{folder.parent.name}/{folder.name}/card"
    before = (await client.get("/models")).json()["models"][0]["digest"]
    assert (await client.get(path)).text == CARD
    (model,) = (await client.get("/models")).json()["models"]
    assert model["digest"] == before


async def test_golden_rows_are_counted_with_their_largest_tolerance(folder: Path, start_service: StartService) -> None:
    rows = ['{"text": "I love it.", "expect": {"label": "positive"}}'] * 2
    rows.append('{"text": "I love it.", "expect": {"scores": {"positive": 0.9}, "tolerance": 0.5}}')
    (folder / "golden.jsonl").write_text("\n".join(rows))
    model, _ = await card_of(folder, start_service)
    assert model["golden"] == {"rows": 3, "largest_tolerance": 0.5}


async def test_without_golden_rows_nothing_is_expected(folder: Path, start_service: StartService) -> None:
    model, _ = await card_of(folder, start_service)
    assert model["golden"] == {"rows": 0, "largest_tolerance": None}


def test_the_shipped_cards_are_of_their_folders() -> None:
    for file in MODELS.glob("*/*/README.md"):
        assert not file.is_symlink()
        assert 0 < file.stat().st_size <= MOST_BYTES
