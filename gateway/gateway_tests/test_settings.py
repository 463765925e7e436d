"""What the gateway can be told, and that a wrong value is one clear line."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from gateway.limit.window import Window
from gateway.request.route_class import RouteClass
from gateway.settings import Settings, parse_limits

DATABASE = "postgresql://gateway:secret-password@127.0.0.1:1/modelserver"


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("60/60s", [Window(60, 60)]),
        ("60/m", [Window(60, 60)]),
        ("60/60s, 10/1s", [Window(10, 1), Window(60, 60)]),
        ("1000/h,10000/1d", [Window(1000, 3600), Window(10_000, 86_400)]),
        (
            "read:9/60s,5rows/60s,5/60s, analyze:1/s",
            [
                Window(1, 1, RouteClass.ANALYZE),
                Window(5, 60),
                Window(5, 60, in_rows=True),
                Window(9, 60, RouteClass.READ),
            ],
        ),
    ],
)
def test_limits_are_requests_per_window_shortest_first(text: str, windows: list[Window]) -> None:
    assert list(parse_limits(text).windows) == windows


@pytest.mark.parametrize(
    "text",
    [
        "",
        "60",
        "0/1s",
        "60/0s",
        "60/2d",
        "-1/1s",
        "60/60",
        "1/1s,2/1s",
        "60 per minute",
        "1/1s," * 9 + "1/9s",
        "1/1s,1/2s,1/3s,1/4s,1/5s",
        "read:1/1s,read:2/1s",
        "write:1/1s",
        "predict:1rows/1s",
        "1row/1s",
        "0rows/1s",
        "1rows/1s,2rows/1s",
        "READ:1/1s",
        ":1/1s",
        "read:",
        ",".join(f"1/{seconds}s" for seconds in range(1, 10)),
        "9" * 40 + "/1s",
    ],
)
def test_limits_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"form|requests per|windows|is empty|none of|names a class"):
        parse_limits(text)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ingress_limits", "60 per minute"),
        ("trusted_proxies", "10.0.0.0/33"),
        ("prediction_url", "ftp://somewhere"),
        ("database_url", "mysql://user:secret-password@host/db"),
        ("max_body_bytes", "lots"),
        ("port", "70000"),
    ],
)
def test_a_wrong_variable_ends_the_start_with_one_line_that_names_it(variable: str, value: str) -> None:
    environment = {"DATABASE_URL": DATABASE, "ADMIN_TOKEN": "sixteen-letters-1", variable.upper(): value}
    process = subprocess.run(
        [sys.executable, "-m", "gateway"], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert process.returncode == 78
    assert process.stdout == ""
    assert process.stderr.count("\n") == 1
    assert f"gateway: {variable.upper()}: " in process.stderr
    assert "secret-password" not in process.stderr


def test_the_password_is_in_no_text_form_of_the_settings() -> None:
    settings = Settings.model_validate({"database_url": DATABASE})
    assert "secret-password" not in repr(settings)
    with pytest.raises(ValidationError) as error:
        Settings.model_validate({"database_url": "postgresql://user:secret-password@/"})
    assert "secret-password" not in str(error.value.errors(include_input=False))
