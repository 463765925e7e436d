"""What does Idempotency-Key cost those who send none? Processor time of a prediction, to a service that knows no keys.

Both run all the time, each with a database of its own on one Postgres, and are loaded in turns.
"""

import asyncio
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.harness.load import wrk
from benchmarks.harness.report import Result, Table, bar
from benchmarks.harness.servers import Server
from benchmarks.harness.stores import postgres_server
from benchmarks.harness.turns import Sample, samples
from benchmarks.options import Options
from benchmarks.targets import LEXICON, OUR_BODY, PREDICT, REPOSITORY, ServedModel, served_model
from shared.embedded.ports import free_ports
from shared.testing.postgres import PostgresServer

TITLE = "Requests without an Idempotency-Key"
CONNECTIONS, SECONDS, TURNS_TIMES = 64, 3, 2
MOST = 1.02

PROGRAMS = {"as it is": "prediction_service", "without keys": "benchmarks.without_keys"}


def run(options: Options) -> Result:
    """Microseconds of the service's own process for a prediction."""
    folder = options.folder / "keys"
    folder.mkdir(mode=0o755)
    model = served_model(LEXICON, folder / "models")
    with postgres_server(folder) as postgres, ExitStack() as stack:
        servers = {
            name: stack.enter_context(server(postgres, folder, model, module).running(PREDICT))
            for name, module in PROGRAMS.items()
        }
        seconds = options.of(SECONDS)
        load = {name: partial(microseconds, one, seconds) for name, one in servers.items()}
        costs = samples(load, options.short_turns * TURNS_TIMES)
    as_it_is, without = costs.values()
    rows: list[list[str | Sample]] = [[name, cost] for name, cost in costs.items()]
    what = f"{LEXICON}: processor time of a prediction without a key, to a service that knows none"
    return Result(
        TITLE,
        [bar("predictions", what, "at most", MOST, "×", as_it_is.over(without))],
        [Table("Processor time of a prediction", ["", "µs"], rows)],
    )


def server(postgres: PostgresServer, folder: Path, model: ServedModel, module: str) -> Server:
    """One of the two."""
    database, port = asyncio.run(postgres.make_database()), next(free_ports())
    variables = {
        "PYTHONPATH": str(REPOSITORY), "PORT": str(port), "ADMIN_TOKEN": "of-the-benchmarks",
        "DATABASE_URL": database.url("prediction_service").get_secret_value(),
        "MODELS_DIR": str(model.repository), "DEFAULT_MODEL": model.name,
        "JOURNAL_DIR": str(folder / f"journal-{port}"), "LOG_LEVEL": "WARNING",
    }  # fmt: skip
    return Server([sys.executable, "-m", module], port, folder, variables)


def microseconds(one: Server, seconds: float) -> float:
    """Of processor time for a request, under load."""
    before = one.usage()["server"].processor_seconds
    load = wrk(f"http://127.0.0.1:{one.port}/predict", CONNECTIONS, seconds, OUR_BODY)
    if load.failed:
        raise RuntimeError(f"{load.failed} requests failed")
    return (one.usage()["server"].processor_seconds - before) * 1e6 / load.requests
