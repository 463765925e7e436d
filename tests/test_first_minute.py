"""`make run` with what people have: folders that cannot be served, addresses of their own, stores of their own."""

import asyncio
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from local.services import SERVICES, settings_class
from shared.database.service_roles import SERVICE_ROLES
from shared.processes.waiting import wait_until
from shared.settings.secret_words import secrets_of
from shared.testing.postgres import PostgresServer
from shared.testing.redis import RedisServer
from tests.stack import REPOSITORY, LocalStack

STARTED = re.compile("make run: (everything is healthy|it runs)")
QUICK = "sentiment-lexicon"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    shutil.copytree(REPOSITORY / "models" / QUICK, folder / QUICK)
    return folder


@pytest.fixture
def start(tmp_path: Path, models: Path) -> Iterator:
    """Starts a stack with one quick model, and variables of the test's choice; waits until it says that it runs."""
    stacks: list[LocalStack] = []

    def started(**variables: str) -> LocalStack:
        chosen = {"MODELS_DIR": str(models), "DEFAULT_MODEL": QUICK} | variables
        stack = LocalStack(tmp_path / f"local-{len(stacks)}", **chosen).launch()
        stacks.append(stack)
        wait_until(stack.said(STARTED), "it to run", stack.still_runs, 60)
        wait_until(stack.said(re.compile("Ctrl-C stops")), "it to have said all", stack.still_runs)
        return stack

    yield started
    for stack in stacks:
        stack.end()
        for process in stack.processes():
            process.kill()


def said(stack: LocalStack) -> str:
    return "".join(line for line in stack.output if not re.match(r"\d\d:", line))


def spoil(models: Path) -> dict[str, str]:
    """Folders that cannot be served, each in a way of its own; folder → what is said of it."""
    shutil.copytree(models / QUICK / "1.0.0", models / "no-manifest" / "1.0.0")
    (models / "no-manifest" / "1.0.0" / "model.toml").unlink()
    (models / "empty" / "1.0.0").mkdir(parents=True)
    (models / "garbage" / "1.0.0").mkdir(parents=True)
    (models / "garbage" / "1.0.0" / "model.toml").write_bytes(b"\xff\xfe\x00 not toml")
    (models / "bad version" / "latest").mkdir(parents=True)
    (models / QUICK / "newest").mkdir()
    shutil.copytree(REPOSITORY / "models" / "spam-words" / "1.0.0", models / "torn" / "1.0.0")
    onnx = models / "torn" / "1.0.0" / "model.onnx"
    onnx.write_bytes(onnx.read_bytes()[:1000])
    return {"no-manifest/1.0.0": "", "empty/1.0.0": "", "garbage/1.0.0": "", "bad version": "", f"{QUICK}/newest": "",
            "torn/1.0.0": ""}  # fmt: skip


def test_folders_that_cannot_be_served_are_named_and_everything_else_runs(start, models: Path) -> None:
    spoiled = spoil(models)
    stack = start()
    told = said(stack)
    assert "it runs, but not all is well" in told
    for folder in spoiled:
        assert f"{folder} skipped: " in told
    assert httpx.post(f"{stack.url}/predict", json={"text": "I love it."}).json()["prediction_label"] == "positive"


def test_a_default_model_that_is_broken_is_named_and_the_others_are_served(start, models: Path) -> None:
    shutil.copytree(REPOSITORY / "models" / "spam-words", models / "spam-words")
    (models / QUICK / "1.0.0" / "model.toml").write_text("= 5")
    stack = start()
    told = said(stack)
    assert f"the default model {QUICK} is not loaded" in told
    assert f"{QUICK}/1.0.0" in told
    body = {"text": "Win a prize now!", "model_name": "spam-words"}
    assert httpx.post(f"{stack.url}/predict", json=body).status_code == 200


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.5", "http://127.0.0.5"), ("::1", "http://[::1]"), ("::", "http://[::1]"),
     ("[::1]", "http://[::1]"), ("0.0.0.0", "http://localhost"),  # noqa: S104
     ("localhost", "http://localhost")],
)  # fmt: skip
def test_any_address_of_this_machine_will_do(start, host: str, url: str) -> None:
    stack = start(HOST=host)
    shown = f"{url}:{stack.port}"
    assert f"    {shown}   " in said(stack)
    assert httpx.get(f"{shown}/health/ready").status_code == 200


def test_an_admin_token_is_made_once_and_told_where(start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADMIN_TOKEN")
    stack = start()
    file = stack.folder / "admin-token"
    assert f"Admin token: {file}" in said(stack)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    token = file.read_text().strip()
    change = {"min_confidence_warning": 0.61}
    assert httpx.put(f"{stack.url}/metrics/thresholds", json=change).status_code == 401
    admin = {"Authorization": f"Bearer {token}"}
    assert httpx.put(f"{stack.url}/metrics/thresholds", json=change, headers=admin).status_code == 200
    assert token not in "".join(stack.output)
    stack.end()
    again = LocalStack(stack.folder, MODELS_DIR=stack.environment["MODELS_DIR"], DEFAULT_MODEL=QUICK).start()
    assert file.read_text().strip() == token
    again.end()


ADMIN_ONLY = [
    ("PUT", "/metrics/thresholds"), ("DELETE", "/metrics/thresholds?model_name=x"),
    ("GET", "/metrics/thresholds/changes"), ("GET", "/metrics/audit"),
    ("PUT", "/metrics/baselines?model_name=x&name=y"), ("DELETE", "/metrics/baselines?model_name=x&name=y"),
    ("GET", "/analyze/quota"), ("GET", "/analyze/cache"), ("DELETE", "/analyze/cache"),
    ("POST", f"/v2/repository/models/{QUICK}/load"), ("POST", f"/v2/repository/models/{QUICK}/unload"),
]  # fmt: skip


def test_each_process_has_only_the_secrets_that_it_uses_and_nobody_is_admin_without_the_token(start) -> None:
    given = {
        "ADMIN_TOKEN": "the-admin-token-of-this-test", "GEMINI_API_KEY": "the-key-of-this-test",
        "ALERT_WEBHOOK_SECRET": "the-webhook-secret-of-this-test",
    }  # fmt: skip
    stack = start(**given)
    for method, path in ADMIN_ONLY:
        answer = httpx.request(
            method, stack.url + path, headers={"Authorization": "Bearer the-admin-token-of-this-tesT"}
        )
        assert answer.status_code in {401, 429}, (method, path)
    uses = {module: secrets_of(settings_class(name)) for name, module in SERVICES.items()}
    seen = set()
    for process in stack.processes():
        environment = process.environ()
        module = next((module for module in uses if module in process.cmdline()), None)
        for name, value in given.items():
            has = any(value in other for other in environment.values())
            assert has == (name in uses.get(module, ())), (module, process.cmdline(), name)
        seen.add(module)
    assert seen == {None, *uses}
    gateway = stack.process_of("gateway")
    assert "REDIS_PASSWORD" not in gateway.environ()
    assert "DATABASE_URL" not in stack.process_of("analytics_service").environ()


def test_metrics_are_where_prometheus_yml_looks_for_them_and_can_be_joined(start) -> None:
    scraped = yaml.safe_load((REPOSITORY / "deploy" / "prometheus" / "prometheus.yml").read_text())
    (job,) = scraped["scrape_configs"]
    targets = {entry["labels"]["service"]: entry["targets"] for entry in job["static_configs"]}
    assert targets == {name: [f"127.0.0.1:{8010 + number}"] for number, name in enumerate(SERVICES)}

    stack = start()
    httpx.post(f"{stack.url}/predict", json={"text": "I love it."}).raise_for_status()
    labels: set[str] = set()
    for number, name in enumerate(SERVICES):
        assert f"{name} :{stack.port + 10 + number}" in said(stack)
        text = httpx.get(f"http://127.0.0.1:{stack.port + 10 + number}/metrics").text
        assert "http_requests" in text
        labels |= set(re.findall(r'[{,](\w+)="', text))
    assert {"model_name", "model_version"} <= labels
    assert not labels & {"model", "version_name", "name", "modelname"}


def test_make_psql_opens_the_database_or_prints_its_url(start, tmp_path: Path) -> None:
    stack = start()
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "psql").write_text('#!/bin/sh\necho "$PGPASSWORD" "$@"\n')
    (programs / "psql").chmod(0o755)
    environment = stack.environment | {"PATH": f"{programs}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "local", "psql"]
    opened = subprocess.check_output(command, env=environment, cwd=REPOSITORY, text=True)
    password, *words = opened.split()
    assert words == ["--host", "127.0.0.1", "--port", str(stack.port + 20), "--username", "postgres", "modelserver"]
    assert not any(password in word for word in words)
    environment["PATH"] = str(tmp_path)
    url = subprocess.check_output(command, env=environment, cwd=REPOSITORY, text=True).strip()
    assert url == f"postgresql://postgres:{password}@127.0.0.1:{stack.port + 20}/modelserver?sslmode=disable"


def test_stores_of_ones_own_are_used_and_none_is_started(
    start, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    database = asyncio.run(postgres_server.make_database())
    stack = start(
        DATABASE_URL=database.url("postgres").get_secret_value(), REDIS_HOST="127.0.0.1",
        REDIS_PORT=str(redis_server.port), REDIS_PASSWORD=redis_server.password or "",
    )  # fmt: skip
    names = {process.name() for process in stack.processes()}
    assert not any("postgres" in name or "valkey" in name for name in names)
    assert "Stores on 127.0.0.1: your own" in said(stack)
    httpx.post(f"{stack.url}/predict", json={"text": "I love it."}).raise_for_status()
    rows = asyncio.run(database.fetch("SELECT count(*) FROM predictions.prediction"))
    assert rows[0][0] == 1
    httpx.post(f"{stack.url}/analyze/performance", json={}).raise_for_status()
    assert stack.health()["services"]["analytics-service"]["status"] == "ok"
    stack.end()


def refused(folder: Path, **variables: str) -> str:
    stack = LocalStack(folder, **variables).launch()
    assert stack.process.wait(60) != 0
    stack.collector.join(10)
    assert stack.processes() == []
    lines = [line for line in stack.output if line.startswith("make run:")]
    return next(line for line in lines if "stopping" not in line)


async def test_a_role_that_may_not_migrate_is_one_line(tmp_path: Path, postgres_server: PostgresServer) -> None:
    database = await postgres_server.make_database()
    await database.fetch("UPDATE public.alembic_version SET version_num = '0009'")
    url = database.url(SERVICE_ROLES[0]).get_secret_value()
    line = refused(tmp_path / "local", DATABASE_URL=url, DEFAULT_MODEL=QUICK)
    assert line.startswith("make run: DATABASE_URL: its role may not migrate (")
    assert ".venv/bin/python -m shared.database.migrate" in line
    assert f"GRANT {', '.join(SERVICE_ROLES[1:])} TO {SERVICE_ROLES[0]};" in line


@pytest.mark.parametrize("wrong", ["password", "database", "port"])
async def test_a_postgres_that_cannot_be_used_is_one_line(
    tmp_path: Path, postgres_server: PostgresServer, wrong: str
) -> None:
    database = await postgres_server.make_database()
    good = database.url("postgres").get_secret_value()
    changed = {
        "password": re.sub(r":[^:@/]+@", ":wrong-password@", good),
        "database": re.sub(rf"/{database.name}\b", "/no_such_database", good),
        "port": re.sub(r"(@[^:]+):\d+", r"\1:1", good),
    }[wrong]
    assert changed != good
    line = refused(tmp_path / "local", DATABASE_URL=changed, DEFAULT_MODEL=QUICK)
    assert line.startswith("make run: DATABASE_URL: ")
    assert "wrong-password" not in line


def test_a_derived_port_that_is_taken_is_one_line_that_says_for_what(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path / "local", DEFAULT_MODEL=QUICK)
    with socket.create_server(("127.0.0.1", stack.port + 20)):
        stack.launch().process.wait(60)
        stack.collector.join(10)
    taken = stack.port + 20
    assert stack.output == [
        f"make run: port {taken}, for postgres, is taken; choose others with PORT= or STORE_PORT=\n"
    ]
