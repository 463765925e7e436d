"""A service refuses to work on a schema older than its code."""

import asyncio
import os
import subprocess
import sys

import pytest

from shared.testing.postgres import PostgresServer


@pytest.mark.parametrize("service", ["gateway", "prediction_service", "metrics_service"])
def test_a_service_refuses_to_start_on_an_older_schema_with_one_line(
    postgres_server: PostgresServer, service: str
) -> None:
    database = asyncio.run(postgres_server.make_database())
    asyncio.run(database.fetch("UPDATE public.alembic_version SET version_num = '0000'"))
    environment = os.environ | {"DATABASE_URL": database.url(service).get_secret_value(), "LOG_LEVEL": "ERROR"}
    process = subprocess.run(
        [sys.executable, "-m", service], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert process.returncode == 78
    assert process.stderr.count("\n") == 1
    assert "run the migrations" in process.stderr
