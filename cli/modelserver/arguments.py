"""What stands on a command line, in the words of the domain."""

from argparse import ArgumentTypeError
from pathlib import Path

from modelserver.errors import RefusedError
from modelserver.folder import version_folder


def version_folder_argument(words: str) -> Path:
    """As `version_folder`. Raises ArgumentTypeError in place of RefusedError: the command was asked wrongly."""
    try:
        return version_folder(Path(words))
    except RefusedError as error:
        raise ArgumentTypeError(str(error)) from error
