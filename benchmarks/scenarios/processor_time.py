"""What does a prediction cost? Processor time of all processes, beside other model servers in the same seconds.

Everyone runs all the time. Ray Serve is left out: its processes work while nobody asks, in everybody's turns.
"""

from benchmarks.comparison import BUSY, Start
from benchmarks.contestants import all_running, loaded, table
from benchmarks.harness.contest import Contestant, Duel, contest
from benchmarks.harness.load import wrk
from benchmarks.harness.report import Bar, Result, bar
from benchmarks.options import Options
from benchmarks.targets import BARE, LEXICON, PEERS, STACK, Running, bare_uvicorn, our_stack, served_model

TITLE = "Processor time of a prediction"
SECONDS, RESTLESS = 2, "Ray Serve"
GATEWAY = "gateway"

WANTED = {
    LEXICON: {"FastAPI": 1.15, "LitServe": 0.33},
    "sentiment": {"FastAPI": 1.1},
}
"""At most so many times what they take."""

GATEWAY_WANTED = 4.0
"""At most so many times what uvicorn takes for a request that it answers with a constant."""


def run(options: Options) -> Result:
    """With the lexicon, and with an ONNX model."""
    found = Result(TITLE)
    for name in dict.fromkeys((LEXICON, options.model)):
        duels = beside_all(options, name, found)
        found.tables.append(table(f"{name}: a prediction", STACK, duels, BUSY))
        found.bars += bars(name, duels)
    return found


def beside_all(options: Options, model_name: str, found: Result) -> dict[str, Duel]:
    """This stack beside each of the others."""
    folder, skipped = options.folder / f"processor-{model_name}", dict[str, str]()
    folder.mkdir(mode=0o755)
    starts: dict[str, Start] = {STACK: our_stack, BARE: bare_uvicorn}
    starts |= {peer.title: peer.start for peer in PEERS if peer.title != RESTLESS}
    with all_running(starts, served_model(model_name, folder / "models"), folder, skipped) as running:
        others = {name: asked(one, name) for name, one in running.items() if name != STACK}
        duels = contest(asked(running[STACK], STACK), others, options.pairs, options.of(SECONDS), skipped)
    found.skipped += [f"{name}, {model_name}: {why.splitlines()[-1]}" for name, why in skipped.items()]
    return duels


def asked(running: Running, entrance: str) -> Contestant:
    """Under the load of this question."""
    at = running.entrances[entrance]
    return loaded(running.server, lambda seconds: wrk(at.url, BUSY, seconds, at.body))


def bars(model: str, duels: dict[str, Duel]) -> list[Bar]:
    """Of one model."""
    found = [
        bar("predictions", f"{model} over {BUSY} connections: processor time of the whole stack, to {name}'s",
            "at most", most, "×", duels[name].ratio())
        for name, most in WANTED.get(model, {}).items() if name in duels
    ]  # fmt: skip
    if model == LEXICON and BARE in duels:
        what = "processor time of the gateway for a prediction, to bare uvicorn's for a constant"
        found.append(bar("gateway", what, "at most", GATEWAY_WANTED, "×", duels[BARE].ratio(GATEWAY)))
    return found
