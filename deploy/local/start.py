"""The steps between an empty folder and a healthy stack."""

import asyncio
import importlib
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import asyncpg
from pydantic import SecretStr

from local.errors import CannotRunError
from local.stack import DATABASE, SERVICES, Stack
from shared.database.migrate import migrate
from shared.database.roles import SERVICE_ROLES
from shared.runtime.settings import load_settings

WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Proxies of the environment are for calls outside."""

START_SECONDS = 60
"""Time for each step of the start; a machine that needs longer is in trouble."""


def check_settings(stack: Stack) -> None:
    """Ends the process with one line when a service would refuse its settings."""
    for program in stack.services:
        module = importlib.import_module(f"{SERVICES[program.name]}.settings")
        with environment(program.environment):
            load_settings(module.Settings, program.name)


@contextmanager
def environment(changes: Mapping[str, str]) -> Iterator[None]:
    """A block within which the process's environment is that of a service."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def prepare_database(stack: Stack) -> None:
    """Waits for Postgres, makes the database if it is missing, and migrates it."""
    connection = await connect_to_postgres(stack)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()
    await migrate(SecretStr(stack.database_url()), {role: stack.passwords[role] for role in SERVICE_ROLES})


async def connect_to_postgres(stack: Stack) -> asyncpg.Connection:
    """A connection as superuser, as soon as Postgres takes one."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            return await asyncpg.connect(stack.database_url(database="postgres"), timeout=5)
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            if time.monotonic() > end:
                raise CannotRunError(f"Postgres cannot be reached: {error}") from error
            await asyncio.sleep(0.05)


def wait_until_healthy(port: int, still_runs: Callable[[], None]) -> None:
    """Returns when the gateway says that everything is ok. Raises CannotRunError, with what is not, after a minute."""
    end = time.monotonic() + START_SECONDS
    while (health := ask_health(port)).get("status") != "ok":
        still_runs()
        if time.monotonic() > end:
            raise CannotRunError(f"not healthy after {START_SECONDS} s: {', '.join(troubles(health)) or 'no answer'}")
        time.sleep(0.1)


def ask_health(port: int) -> dict[str, Any]:
    """The gateway's health answer, whatever its status; empty when there is none."""
    try:
        with WITHOUT_PROXY.open(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        return dict(json.load(error)) if error.code == 503 else {}
    except (OSError, ValueError):
        return {}


def troubles(health: Mapping[str, Any]) -> list[str]:
    """The services that are not ok."""
    services = health.get("services", {})
    return [f"{name} is {service['status']}" for name, service in services.items() if service["status"] != "ok"]
