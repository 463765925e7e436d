"""`modelserver predict`: a CSV or NDJSON file through a running server, each row answered in a file of the same form.

It is sent as one stream. When the connection breaks, it is made again; when the command itself was ended, the same
command goes on where it came to. The output has no row twice and lacks none, and gets its name once it is complete.

Exit codes: 0, each row has a prediction; 1, the output is complete and some rows have an error in it, or it is there
already; 2, asked wrongly; 3, not complete: the same command goes on.
"""

import argparse
from pathlib import Path
from typing import Any

from modelserver import server

PATIENCE_SECONDS = 600.0
"""Ten minutes: a server is started anew in less, and a shift of people is not waited for."""


def add_to(commands: Any) -> None:
    """Adds the command and its options."""
    command = commands.add_parser(
        "predict", help="ask a running server about each row of a file", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command.add_argument("file", type=Path, metavar="FILE", help=".csv, .tsv, .ndjson or .jsonl; - for standard input")
    server.add_to(command)
    command.add_argument("--model", metavar="NAME", help="without it the default model")
    command.add_argument("--version", metavar="X.Y.Z", help="without it the newest")
    command.add_argument(
        "--output", type=Path, metavar="FILE", help="FILE.predictions.csv beside the input; - for standard output"
    )
    command.add_argument("--restart", action="store_true", help="do not go on: make the output anew")
    command.add_argument("--form", choices=("csv", "ndjson"), help="where the file's name does not say it")
    command.add_argument(
        "--pass-through",
        action="store_true",
        help="CSV: give columns back that are no inputs, with _ before their names",
    )
    command.add_argument(
        "--delimiter", type=delimiter, metavar="CHARACTER", help="CSV: seen from the header: , ; tab |"
    )
    command.add_argument("--decimal", choices=(".", ","), default=".", help="CSV: in numbers")
    command.add_argument("--encoding", help="CSV: UTF-8, or what a byte order mark says")
    command.add_argument(
        "--rows-per-request", type=positive, metavar="N", help="several requests of so many rows; without it, one"
    )
    command.add_argument(
        "--patience", type=float, default=PATIENCE_SECONDS, metavar="SECONDS",
        help="how long is waited between tries without an answer (600)",
    )  # fmt: skip
    command.set_defaults(run=run)


def delimiter(word: str) -> str:
    r"""One character; `tab` and \t for a tab."""
    character = {"tab": "\t", "\\t": "\t"}.get(word, word)
    if len(character) != 1 or character in '"\r\n' or not character.isascii():
        raise argparse.ArgumentTypeError("one ASCII character, or tab")
    return character


def positive(word: str) -> int:
    """A number of rows."""
    if not word.isdecimal() or not int(word):
        raise argparse.ArgumentTypeError("a number from 1 on")
    return int(word)


def run(options: argparse.Namespace) -> int:
    """Its libraries are loaded only here: the other commands should start at once."""
    from modelserver.predicting.command import predict

    return predict(options)
