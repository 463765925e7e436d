"""`README.md` beside a model: its card, what its author says of it, for people.

It is read with the model, so that it is the card of the digest that serves. A file that cannot be used costs the model
nothing but its card.
"""

import errno
import os
from pathlib import Path

import structlog

from prediction_service.models.folders.plain_files import read_plain
from shared.http.problems import Problem

FILE_NAME = "README.md"

MOST_BYTES = 128 << 10
"""Of a card; those of the shipped models have 9 KB. All of them stay in memory."""

log = structlog.get_logger()


class CardNotFound(Problem):
    """The version has no card."""

    status = 404
    type = "urn:problem-type:card-not-found"
    title = "Card Not Found"

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"{name} {version} has no model card: a {FILE_NAME} in its folder, in UTF-8, no link.")


def read_card(folder: Path) -> str | None:
    """The card in a model's folder; None if there is none, and, with a warning, if it cannot be used.

    A link is not followed: everybody may read a card, so it is a file of the folder itself.
    """
    file = folder / FILE_NAME
    try:
        content = read_plain(file, MOST_BYTES + 1, os.O_NOFOLLOW)
        if len(content) > MOST_BYTES:
            raise ValueError(f"has more than {MOST_BYTES:,} bytes")
        return content.decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        reason = "is not UTF-8"
    except OSError as error:
        reason = "is a link" if error.errno == errno.ELOOP else str(error.strerror)
    except ValueError as error:
        reason = str(error)
    log.warning("model card ignored", file=str(file), reason=reason)
    return None
