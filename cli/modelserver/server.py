"""Which server a command speaks to, and what it shows there: options of every command that needs one.

A token comes from a file or the environment, never from the command line, which everybody on a machine can read.
"""

import argparse
import os
from pathlib import Path
from typing import Any

from modelserver.errors import UsageError

URL = "http://localhost:8000"

URL_VARIABLE, TOKEN_VARIABLE = "MODELSERVER_URL", "MODELSERVER_TOKEN"


def add_to(command: Any) -> None:
    """Adds the options."""
    command.add_argument("--url", default=os.environ.get(URL_VARIABLE, URL), help=f"{URL_VARIABLE}; {URL}")
    command.add_argument(
        "--token-file", type=Path, metavar="FILE", help=f"of what is sent as Authorization: Bearer ({TOKEN_VARIABLE})"
    )
    command.set_defaults(token=os.environ.get(TOKEN_VARIABLE, ""))


def authorization_of(options: argparse.Namespace) -> dict[str, str]:
    """The header, if there is a token. Raises UsageError."""
    token = token_of(options)
    if not token.isprintable():
        raise UsageError("the token is no word: there are control characters in it")
    return {"Authorization": f"Bearer {token}"} if token else {}


def token_of(options: argparse.Namespace) -> str:
    """From its file, or the environment. Raises UsageError."""
    if options.token_file is None:
        return str(options.token).strip()
    try:
        token: str = options.token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--token-file {options.token_file}: {error}") from None
    return token
