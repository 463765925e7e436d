"""`modelserver keys` and a real gateway, with its Postgres: what it asks, says and refuses, and how it ends."""

import asyncio
import json
import os
import pty
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import httpx
import pytest

from cli_tests.terminal import ENVIRONMENT, OWN, Ended
from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.admin import ADMIN, TOKEN
from shared.testing.postgres import PostgresServer

KEY = re.compile(r"msk_[\w-]{43}\n")

UNKNOWN = "6f2c1a52-3c0e-4d2e-9a54-1f0d7b0c9a11"


@pytest.fixture(scope="module")
def gateway(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one without services behind it."""
    database = asyncio.run(postgres_server.make_database())
    port, nobody = next(free_ports()), f"http://127.0.0.1:{next(free_ports())}"
    environment = {
        **os.environ,
        "PORT": str(port),
        "ADMIN_TOKEN": TOKEN,
        "DATABASE_URL": database.url("gateway").get_secret_value(),
        **{f"{service}_URL": nobody for service in ("PREDICTION", "METRICS", "ANALYTICS")},
    }
    log = tmp_path_factory.mktemp("gateway") / "log"
    process = ServerProcess([sys.executable, "-m", "gateway"], port, log, environment)
    process.start()
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, headers=ADMIN, trust_env=False) as client:
        for name in ("taken", "there"):
            while client.post("/keys", json={"name": name, "rights": ["predict"]}).status_code == 503:
                pass  # it is not connected to Postgres yet
    yield url
    process.stop()
    asyncio.run(postgres_server.drop_database(database.name))


def keys(url: str, *words: str, token: str = TOKEN, stdin: int = subprocess.DEVNULL) -> Ended:
    """The command, as an operator runs it."""
    own = {name: value for name, value in ENVIRONMENT.items() if "proxy" not in name.lower()}
    environment = {**own, "MODELSERVER_URL": url, "MODELSERVER_TOKEN": token}
    command = [OWN / "modelserver", "keys", *words]
    ended = subprocess.run(
        command, check=False, stdin=stdin, capture_output=True, text=True, timeout=60, env=environment
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def done(url: str, *words: str) -> str:
    """What it wrote on standard output; all went well."""
    ended = keys(url, *words)
    assert ended.code == 0, ended
    return ended.out


def test_the_life_of_a_key(gateway: str) -> None:
    made = keys(gateway, "create", "checkout", "--rights", "predict, feedback", "--limits", "600/60s",
                "--max-in-flight", "16", "--by", "ada")  # fmt: skip
    assert made.code == 0, made
    assert KEY.fullmatch(made.out)  # and nothing else: it can go into a file
    assert made.out.strip() not in made.err
    assert "feedback, predict" in made.err
    first = json.loads(done(gateway, "show", "checkout", "--json"))
    assert (first["limits"], first["max_in_flight"], first["expires_at"]) == ("600/60s", 16, None)

    changed = done(gateway, "change", "checkout", "--rights", "read", "--limits", "none", "--max-in-flight", "none",
                   "--expires", "90d", "--json")  # fmt: skip
    second = json.loads(changed)
    assert (second["rights"], second["limits"], second["revision"] > first["revision"]) == (["read"], None, True)
    assert second["expires_at"] is not None
    assert second["max_in_flight"] is None
    rotated = done(gateway, "rotate", "checkout", "--old-lives", "30m")
    assert KEY.fullmatch(rotated)
    assert rotated != made.out
    with httpx.Client(base_url=gateway, trust_env=False) as client:
        for key in (made.out, rotated):  # the old one lives on, with the new rights
            assert client.get("/keys", headers={"X-API-Key": key.strip()}).status_code == 403

    table = done(gateway, "list").splitlines()
    assert table[0].split()[:3] == ["name", "prefix", "rights"]
    assert [line.split()[:3] for line in table[1:] if line.startswith("checkout ")] == [
        ["checkout", rotated[:10], "read"]
    ]
    assert json.loads(done(gateway, "revoke", "checkout", "--yes", "--by", "bo", "--reason", "left us", "--json"))[
        "revoked_at"
    ]
    assert "checkout" not in done(gateway, "list")
    assert "revoked_at" in done(gateway, "show", first["key_id"])  # its name is free, its id is not

    events = [json.loads(line) for line in done(gateway, "audit", first["key_id"], "--json").splitlines()]
    assert [(event["action"], event["actor"]) for event in events] == [
        ("revoke", "bo"), ("rotate", "admin"), ("change", "admin"), ("create", "ada"),
    ]  # fmt: skip
    assert "left us" in done(gateway, "audit", "--limit", "1")


def test_what_a_key_was_used_for_is_a_table_of_days(gateway: str) -> None:
    key = done(gateway, "create", "in use", "--rights", "predict").strip()
    with httpx.Client(base_url=gateway, headers={"X-API-Key": key}, trust_env=False) as client:
        client.get("/models")
        while len(lines := done(gateway, "usage", "in use").splitlines()) < 3:  # it is counted in batches
            assert lines[-1].split() == ["total", "0", "0", "0", "0", "0", "0"]
    assert lines[0].split()[:3] == ["day", "requests", "refused"]
    assert [line.split()[1] for line in lines[1:]] == ["1", "1"]
    (day,) = map(json.loads, done(gateway, "usage", "in use", "--json").splitlines())
    assert (day["day"], day["requests"]) == (lines[1].split()[0], 1)
    assert done(gateway, "usage", "in use", "--until", "2001-01-01", "--since", "2001-01-01").count("\n") == 2
    assert keys(gateway, "usage", "in use", "--since", "soon").code == 2


def test_a_right_is_for_some_models_until_it_is_for_all(gateway: str) -> None:
    done(
        gateway, "create", "of some", "--rights", "predict,read", "--models", "predict=spam,churn", "--models", "read=x"
    )
    key = json.loads(done(gateway, "show", "of some", "--json"))
    assert key["models"] == {"predict": ["churn", "spam"], "read": ["x"]}
    assert "predict: churn, spam" in done(gateway, "show", "of some")
    assert json.loads(done(gateway, "change", "of some", "--models", "none", "--json"))["models"] is None


def test_a_key_is_found_by_its_name_among_others_that_begin_alike(gateway: str) -> None:
    for name in ("alike", "alike 2", "alike-2", "Alike", "alik"):
        done(gateway, "create", name, "--rights", "predict")
        assert json.loads(done(gateway, "show", name, "--json"))["name"] == name


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("show", "nobody"), 1, "there is no key nobody"),
        (("show", UNKNOWN), 1, f"404: There is no key {UNKNOWN}"),
        (("create", "alone"), 2, "--rights"),
        (("create", "wrong", "--rights", "fly"), 2, "422: rights.0"),
        (("create", "wrong", "--rights", "read", "--limits", "many"), 2, "422: limits"),
        (("create", "wrong", "--rights", "read", "--max-in-flight", "many"), 2, "--max-in-flight many: is neither"),
        (("create", "wrong", "--rights", "read", "--expires", "soon"), 2, "neither a moment"),
        (("create", "wrong", "--rights", "read", "--expires", "2030-01-01"), 2, "2030-01-01T00:00:00Z is UTC"),
        (("create", "wrong", "--rights", "read", "--expires", "2001-01-01T00:00:00Z"), 2, "is not in the future"),
        (("change", "taken"), 2, "what shall change?"),
        (("change", "taken", "--name", "there"), 1, "409: Another key"),
        (("rotate", "taken", "--old-lives", "always"), 2, "is no duration"),
        (("rotate", "taken", "--old-lives", "31d"), 2, "422: old_lives_seconds"),
        (("revoke", "taken"), 2, "--yes"),
        (("change", "taken", "--models", "churn"), 2, "say for which right"),
        (("change", "taken", "--models", "read=churn"), 2, "422: models"),
        (("audit", "--limit", "0"), 2, "422: query.limit"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(gateway: str, words: tuple[str, ...], code: int, said: str) -> None:
    ended = keys(gateway, *words)
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith(f"modelserver keys: {said}") or said in ended.err
    assert ended.err.count("\n") == 1


def test_the_token_comes_from_the_environment_or_a_file_and_is_not_on_the_command_line(
    gateway: str, tmp_path: Path
) -> None:
    assert keys(gateway, "list", token="").code == 2
    wrong = keys(gateway, "list", token="wrong")
    assert (wrong.code, wrong.err.startswith("modelserver keys: 401")) == (1, True)
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    assert keys(gateway, "list", "--token-file", str(file), token="wrong").code == 0
    assert keys(gateway, "list", "--token-file", str(tmp_path / "none")).code == 2
    assert keys(gateway, "list", token="two\nlines").code == 2
    assert keys(gateway, "list", "--token", TOKEN).code == 2  # who asks for it that way is told that there is no such


def test_a_key_without_the_right_is_told_which_is_needed(gateway: str) -> None:
    reader = done(gateway, "create", "a reader", "--rights", "read").strip()
    ended = keys(gateway, "list", token=reader)
    assert (ended.code, "403" in ended.err) == (1, True)


def test_who_sits_at_a_terminal_is_asked_before_a_key_is_revoked(gateway: str) -> None:
    done(gateway, "create", "asked", "--rights", "predict")
    for answer, code in ((b"\n", 1), (b"y\n", 0)):
        person, terminal = pty.openpty()
        os.write(person, answer)
        ended = keys(gateway, "revoke", "asked", stdin=terminal)
        os.close(terminal)
        os.close(person)
        assert (ended.code, "Revoke asked" in ended.err) == (code, True)


def test_without_a_gateway_it_ends_with_3_and_says_what_that_means() -> None:
    with socket.socket() as listener:  # takes no connection
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert keys(url, "list").code == 3
        made = keys(url, "create", "lost", "--rights", "predict")
    assert (made.code, "may have been done" in made.err) == (3, True)
    assert keys("nowhere", "list").code == 2


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server that responds so."""
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


SAID = {
    "/keys": b'{"keys": [{"name": "\\u001b[2Jx", "key_id": "i", "rights": ["\\r"]}], "next_after": null}',
    "/html/keys": b"<html>",
    "/other/keys": b'{"status": "fine"}',
    "/analyze/performance": b'{"summary": null, "identified_issues": [{"description": "\\u001b[2J"}, "\\r"]}',
    "/odd/analyze/performance": b'{"summary": ["\\n"], "identified_issues": null, "recommendations": [null, ["\\r"]]}',
}


class SomethingElse(BaseHTTPRequestHandler):
    """A server that is no gateway, and speaks to terminals."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(SAID[self.path.partition("?")[0]])

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *words: object) -> None:
        pass


def test_nothing_that_a_server_says_moves_the_cursor() -> None:
    with serving(SomethingElse) as url:
        assert "\N{REPLACEMENT CHARACTER}[2Jx" in done(url, "list")
        for path in ("/html", "/other"):
            ended = keys(url + path, "list")
            assert (ended.code, "does not speak as a gateway" in ended.err) == (2, True)
        sign = "\N{REPLACEMENT CHARACTER}"
        assert done(url, "report", UNKNOWN).splitlines() == ["-", f"-: {sign}[2J", sign]
        assert done(url + "/odd", "report", UNKNOWN).splitlines() == [sign, "- -", f"- {sign}"]


class Analyst(BaseHTTPRequestHandler):
    """Plays a gateway with an analytics-service, which has one key and one report, and notes what it is asked."""

    asked: ClassVar[list[object]] = []

    def do_GET(self) -> None:
        self._say({"keys": [{"key_id": UNKNOWN, "name": "checkout"}], "next_after": None})

    def do_POST(self) -> None:
        self.asked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        issue = {"issue_type": "caller_of_most", "severity": "low", "description": "75 % came with this key."}
        self._say({"summary": "6 \x1b[2Jcame.", "identified_issues": [issue], "recommendations": ["Give it limits."]})

    def _say(self, said: object) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *words: object) -> None:
        pass


def test_a_report_on_a_key_is_asked_for_and_told_in_lines() -> None:
    with serving(Analyst) as url:
        lines = done(url, "report", "checkout").splitlines()
        said = json.loads(done(url, "report", UNKNOWN, "--hours", "2", "--model", "sentiment", "--json"))
    assert lines == ["6 \N{REPLACEMENT CHARACTER}[2Jcame.", "low: 75 % came with this key.", "- Give it limits."]
    assert said["recommendations"] == ["Give it limits."]
    first, second = {"time_window_minutes": 1440}, {"time_window_minutes": 120, "model_name": "sentiment"}
    assert Analyst.asked == [("/analyze/performance", {"key_id": UNKNOWN, **asked}) for asked in (first, second)]


def test_a_report_without_a_service_that_makes_it_ends_with_3_and_changes_nothing(gateway: str) -> None:
    done(gateway, "create", "reported", "--rights", "predict")
    ended = keys(gateway, "report", "reported")
    assert (ended.code, "may have been done" in ended.err) == (3, False)
    assert "analytics-service" in ended.err
