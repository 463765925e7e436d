"""The environment of a foreign client, made from its pinned and hashed requirements when it is first asked for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

CLIENTS = Path(__file__).parent
REPOSITORY = CLIENTS.parents[2]
ENVIRONMENTS = REPOSITORY / "prediction-service" / ".clients"


def python_of(client: str) -> Path:
    """The Python that has this client's library."""
    requirements, environment = CLIENTS / client / "requirements.txt", ENVIRONMENTS / client
    stamp = environment / "requirements.txt"
    if not stamp.exists() or stamp.read_bytes() != requirements.read_bytes():
        install = REPOSITORY / "deploy" / "install"
        variables = os.environ | {"PYTHON": sys.executable}
        subprocess.run([install, "--anew", environment, requirements], check=True, env=variables)
        shutil.copy(requirements, stamp)
    return environment / "bin" / "python"


def ask(client: str, *arguments: str) -> str:
    """What its script `ask.py` prints. What it complains of goes to the test's own output."""
    script = CLIENTS / client / "ask.py"
    asked = subprocess.run([python_of(client), script, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return asked.stdout
