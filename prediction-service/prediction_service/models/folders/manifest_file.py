"""`model.toml`: from a model's folder to its manifest, whatever the file is."""

import codecs
import os
import stat
import tomllib
from pathlib import Path

from pydantic import ValidationError

from prediction_service.models.folders.manifest import Manifest
from shared.contracts.faults import in_words
from shared.settings.opening import without_waiting

FILE_NAME = "model.toml"


class ManifestError(ValueError):
    """A manifest that cannot be read or makes no sense; the message is for the model's author."""


MOST_BYTES = 2 << 20
"""Of a manifest; ten thousand labels take a tenth."""

CHEAP_BYTES, CHEAP_DOTS = 64 << 10, 100
"""Limits for parsing in the service itself rather than in a trial: any TOML within them takes milliseconds. (A key of n
dotted parts takes time in n².)"""


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a model's folder. Raises ManifestError."""
    return parse(content_of(folder))


def read_cheaply(folder: Path) -> Manifest | None:
    """The manifest before any trial; None if parsing is costly, which is left to the trial. Raises ManifestError."""
    content = content_of(folder)
    is_cheap = len(content) <= CHEAP_BYTES and max(line.count(b".") for line in content.split(b"\n")) <= CHEAP_DOTS
    return parse(content) if is_cheap else None


def content_of(folder: Path) -> bytes:
    """The manifest's bytes. Raises ManifestError."""
    try:
        with open(folder / FILE_NAME, "rb", opener=without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ManifestError(f"{FILE_NAME} is not a plain file")
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ManifestError(f"has no {FILE_NAME}") from None
    except OSError as error:
        raise ManifestError(f"{FILE_NAME} cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise ManifestError(f"{FILE_NAME} has more than {MOST_BYTES:,} bytes")
    return content


def parse(content: bytes) -> Manifest:
    """The manifest in these bytes. Raises ManifestError."""
    try:
        return Manifest.model_validate(tomllib.loads(decode(content)))
    except ManifestError:
        raise
    except ValidationError as error:
        raise ManifestError(f"{FILE_NAME}: {faults_of(error)}") from error
    except RecursionError:
        raise ManifestError(f"{FILE_NAME} is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError, and integers of more digits than Python reads
        message = "has a number of more digits than any setting" if "digits" in str(error) else f"is not TOML: {error}"
        raise ManifestError(f"{FILE_NAME} {message}") from error


def faults_of(error: ValidationError) -> str:
    """The first faults, each with its place, in one line."""
    found = error.errors(include_input=False, include_url=False)
    listed = [
        ": ".join(filter(None, (".".join(map(str, fault["loc"]))[:MOST_PLACE], in_words(fault)))) for fault in found
    ]
    listed = listed[:MOST_FAULTS]
    more = [f"and {len(found) - MOST_FAULTS} more"] if len(found) > MOST_FAULTS else []
    return "; ".join(listed + more)


MOST_FAULTS, MOST_PLACE = 10, 200


def decode(content: bytes) -> str:
    """As UTF-8 with or without a byte order mark. Raises ManifestError for UTF-16, which some Windows editors write."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ManifestError(f"{FILE_NAME} is UTF-16; save it as UTF-8")
    return content.decode("utf-8-sig").replace("\r\n", "\n")
