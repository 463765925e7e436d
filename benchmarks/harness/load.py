"""Closed-loop load by wrk: so many connections, each of which asks again as soon as it was answered."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

SCRIPT = Path(__file__).with_name("load.lua")
TEXT = "What a wonderful little server!"
JSON = {"Content-Type": "application/json"}
ANSWER_SECONDS = 30
"""An answer that takes longer counts as broken."""


@dataclass(frozen=True)
class Load:
    """What came of it."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    """Answers with another status than 2xx and 3xx."""
    broken: int
    """Connections that broke, and answers that did not come."""

    @property
    def rate(self) -> float:
        """Answers a second, of whatever status."""
        return self.requests / self.seconds

    @property
    def failed(self) -> int:
        """Requests without a good answer."""
        return self.refused + self.broken


def wrk(
    url: str,
    connections: int,
    seconds: float,
    body: str | bytes = "{}",
    *,
    one_client: bool = False,
    fields: Mapping[str, str] = JSON,
    keys: Path | None = None,
    per_second: float = 0,
) -> Load:
    """POSTs `body` with these header fields for so long, which wrk counts in whole seconds.

    `keys`: a file with keys, one a line, of which each request has another; of an empty one it has a wrong key.
    `per_second`: about so many requests, if the server is fast enough for them; 0: as many as it answers.

    Raises RuntimeError when it cannot.
    """
    command = ["wrk", f"-t{min(2, connections)}", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
    told = {"FIELDS": "".join(f"{name}: {value}\n" for name, value in fields.items())}
    told |= {"ONE_CLIENT": "1"} if one_client else {}
    told |= {"KEYS": str(keys)} if keys else {}
    told |= {"DELAY_MS": str(round(1000 * connections / per_second))} if per_second else {}
    try:
        with NamedTemporaryFile() as file:
            file.write(body.encode() if isinstance(body, str) else body)
            file.flush()
            finished = subprocess.run(
                [*command, "--timeout", f"{ANSWER_SECONDS}s", "-s", str(SCRIPT), url],
                env=os.environ | told | {"BODY": file.name}, capture_output=True, text=True,
                timeout=seconds + 2 * ANSWER_SECONDS, check=False,
            )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(str(error)) from error
    if finished.returncode != 0:
        raise RuntimeError(f"wrk: {finished.stderr or finished.stdout}")
    return parsed(finished.stdout)


def parsed(output: str) -> Load:
    """What the script's line says."""
    said = json.loads(output.splitlines()[-1])
    return Load(
        requests=said["requests"],
        seconds=said["microseconds"] / 1e6,
        p50_ms=said["p50_us"] / 1000,
        p99_ms=said["p99_us"] / 1000,
        refused=said["refused"],
        broken=said["broken"],
    )
