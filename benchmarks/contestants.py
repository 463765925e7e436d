"""Servers and loops as contestants: what they do for some seconds, and whose processor time that is."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from benchmarks.comparison import Start
from benchmarks.harness.contest import Contestant, Duel, Spent
from benchmarks.harness.environments import NotInstalledError
from benchmarks.harness.load import Load
from benchmarks.harness.report import Table
from benchmarks.harness.servers import Server, seconds_of_all
from benchmarks.harness.turns import Sample
from benchmarks.targets import Running, ServedModel
from shared.processes.server import ServerProcess

HERE = "this process"


@contextmanager
def all_running(
    starts: Mapping[str, Start], model: ServedModel, folder: Path, skipped: dict[str, str]
) -> Iterator[dict[str, Running]]:
    """Everybody at once, ended afterwards; who does not start is named in `skipped` with the reason."""
    with ExitStack() as stack:
        running = {}
        for name, start in starts.items():
            print(f"  {model.name}: {name}", flush=True)
            try:
                running[name] = stack.enter_context(start(model, folder))
            except (NotInstalledError, RuntimeError) as error:
                skipped[name] = str(error)
        yield running


def loaded(server: Server, load: Callable[[float], Load]) -> Contestant:
    """A server under load."""

    def work(seconds: float) -> int:
        found = load(seconds)
        if found.failed:
            raise RuntimeError(f"{found.failed} of {found.requests} requests failed")
        return found.requests

    return Contestant(work, server.spent)


def here_and(**servers: ServerProcess) -> Callable[[], Spent]:
    """What this process spends, and servers that work for it."""
    processes = {name: psutil.Process(server.pid) for name, server in servers.items()}

    def spent() -> Spent:
        return {HERE: time.process_time()} | {name: seconds_of_all(process) for name, process in processes.items()}

    return spent


def table(title: str, one: str, duels: Mapping[str, Duel], connections: int) -> Table:
    """The one by process, then each of the others beside it."""
    rows: list[list[str | Sample]] = []
    if duels:
        beside = max(duels.values(), key=lambda duel: len(duel.counted))
        rows.append([one, beside.own(), beside.rates[0], "", ""])
        parts = {role: beside.own(role) for role in beside.roles} if len(beside.roles) > 1 else {}
        rows += [[f"… {role}", part, "", "", ""] for role, part in parts.items() if part.middle >= 1]
    rows += [[name, duel.others, duel.rates[1], duel.ratio(), duel.said] for name, duel in duels.items()]
    note = (
        f"User and system time of all processes over {connections} connections; in brackets the lowest and the highest "
        "turn, of ratios the interval of their median."
    )
    return Table(title, ["", "µs a request", "requests/s", f"{one} takes so many times as much", "pairs"], rows, note)
