"""Where a setting comes from, and what a wrong one says."""

import os
import threading
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from shared.settings.settings import EXIT_BAD_SETTING, ServiceSettings, load_settings


class ShopSettings(ServiceSettings):
    stock: int = Field(7, ge=1)
    key: SecretStr | None = None


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_secret_is_read_from_the_file_that_its_variable_names(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "key").write_text("sesame\n")
    monkeypatch.setenv("KEY_FILE", "key")

    assert load_settings(ShopSettings, "shop").key == SecretStr("sesame")


def test_the_environment_comes_before_the_file_and_the_file_before_dotenv(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / ".env").write_text("STOCK=1\n")
    (empty_folder / "stock").write_text("2")
    assert load_settings(ShopSettings, "shop").stock == 1

    monkeypatch.setenv("STOCK_FILE", "stock")
    assert load_settings(ShopSettings, "shop").stock == 2

    monkeypatch.setenv("STOCK", "3")
    assert load_settings(ShopSettings, "shop").stock == 3


def test_dotenv_may_name_files_too(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (empty_folder / ".env").write_text("KEY_FILE=key\nSTOCK_FILE=stock\nSTOCK=4\n")
    (empty_folder / "key").write_text("sesame\n")
    (empty_folder / "stock").write_text("5")
    settings = load_settings(ShopSettings, "shop")
    assert (settings.key, settings.stock) == (SecretStr("sesame"), 4)

    monkeypatch.setenv("KEY", "open")
    assert load_settings(ShopSettings, "shop").key == SecretStr("open")

    monkeypatch.delenv("KEY")
    (empty_folder / "key").unlink()
    with pytest.raises(SystemExit):
        load_settings(ShopSettings, "shop")
    assert capsys.readouterr().err.startswith("shop: KEY_FILE: cannot read key")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"STOCK=3\nKEY=\xff\n", "shop: .env: cannot be read: 'utf-8' codec"),
        (b"STOCK=3\n\nthis is = no line\n", "shop: .env: line 3 is not of the form NAME=value"),
        (b"KEY='never closed\n", "shop: .env: line 1 is not of the form NAME=value"),
        (None, "shop: .env: cannot be read: Is a directory"),
    ],
)
def test_what_is_wrong_in_dotenv_is_said_with_its_place(
    empty_folder: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, said: str
) -> None:
    file = empty_folder / ".env"
    file.mkdir() if content is None else file.write_bytes(content)
    with pytest.raises(SystemExit) as stopped:
        load_settings(ShopSettings, "shop")
    assert stopped.value.code == EXIT_BAD_SETTING
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(said)


@pytest.mark.parametrize("line", ["# a comment", "", "export STOCK=8", "STOCK = 8", "STOCK='8'  # of them", "ALONE"])
def test_what_dotenv_files_have_in_them_is_read(empty_folder: Path, line: str) -> None:
    (empty_folder / ".env").write_text(f"\ufeff{line}\r\n", encoding="utf-8")
    assert load_settings(ShopSettings, "shop").stock == (8 if "STOCK" in line else 7)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_FILE", "")
    monkeypatch.setenv("STOCK", " ")

    settings = load_settings(ShopSettings, "shop")

    assert settings.key is None
    assert settings.stock == 7


def test_an_empty_variable_leaves_the_next_source_its_turn(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / ".env").write_text("STOCK=3\n")
    monkeypatch.setenv("STOCK", "")
    assert load_settings(ShopSettings, "shop").stock == 3


def test_an_empty_file_stops_the_start(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (empty_folder / "key").write_text("\n")
    monkeypatch.setenv("KEY_FILE", "key")
    with pytest.raises(SystemExit):
        load_settings(ShopSettings, "shop")
    assert capfd.readouterr().err == "shop: KEY_FILE: key is empty\n"


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("STOCK", "0", "shop: STOCK: Input should be greater than or equal to 1\n"),
        ("KEY_FILE", "nowhere", "shop: KEY_FILE: cannot read nowhere: No such file or directory\n"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_one_line_that_names_the_variable(
    variable: str, value: str, line: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SystemExit) as end:
        load_settings(ShopSettings, "shop")

    assert end.value.code == EXIT_BAD_SETTING
    assert capfd.readouterr().err == line


def test_dotenv_may_be_a_pipe_which_is_read_once(empty_folder: Path) -> None:
    os.mkfifo(empty_folder / ".env")
    writer = threading.Thread(target=(empty_folder / ".env").write_text, args=("STOCK=8\n",), daemon=True)
    writer.start()
    assert load_settings(ShopSettings, "shop").stock == 8
    writer.join(5)
    assert not writer.is_alive()
