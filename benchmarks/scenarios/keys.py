"""What does Idempotency-Key cost those who send none? Processor time of a prediction, to a service that knows no keys.

Both run all the time, each with a database of its own on one Postgres, and are loaded in turns.
"""

import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path

from benchmarks.contestants import loaded, table
from benchmarks.harness.contest import Contestant, contest
from benchmarks.harness.load import wrk
from benchmarks.harness.report import Result, bar
from benchmarks.harness.servers import Server
from benchmarks.harness.stores import postgres_server
from benchmarks.options import Options
from benchmarks.targets import LEXICON, OUR_BODY, PREDICT, REPOSITORY, ServedModel, served_model
from shared.embedded.ports import free_ports
from shared.testing.postgres import PostgresServer

TITLE = "Requests without an Idempotency-Key"
CONNECTIONS, SECONDS, PAIRS_TIMES = 64, 2, 2
MOST = 1.02

AS_IT_IS, WITHOUT = "the service", "without keys"
PROGRAMS = {AS_IT_IS: "prediction_service", WITHOUT: "benchmarks.without_keys"}


def run(options: Options) -> Result:
    """Microseconds of the service's own process for a prediction."""
    folder = options.folder / "keys"
    folder.mkdir(mode=0o755)
    model = served_model(LEXICON, folder / "models")
    with postgres_server(folder) as postgres, ExitStack() as stack:
        servers = {
            name: asked(stack.enter_context(server(postgres, folder, model, module).running(PREDICT)))
            for name, module in PROGRAMS.items()
        }
        others = {WITHOUT: servers[WITHOUT]}
        duels = contest(servers[AS_IT_IS], others, options.pairs * PAIRS_TIMES, options.of(SECONDS))
    what = f"{LEXICON}: processor time of a prediction without a key, to a service that knows none"
    return Result(
        TITLE,
        [bar("predictions", what, "at most", MOST, "×", duels[WITHOUT].ratio())],
        [table(f"{LEXICON}: a prediction", AS_IT_IS, duels, CONNECTIONS)],
    )


def asked(one: Server) -> Contestant:
    """Under load."""
    url = f"http://127.0.0.1:{one.port}/predict"
    return loaded(one, lambda seconds: wrk(url, CONNECTIONS, seconds, OUR_BODY))


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
