"""`modelserver predict`: a CSV or NDJSON file through a running server, each row answered in a file of the same form.

It is sent as one stream. When the connection breaks, it is made again; when the command itself was ended, the same
command goes on where it came to. The output has no row twice and lacks none, and gets its name once it is complete.
"""

import asyncio
import hashlib
import random
import sys
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic

from modelserver.errors import UsageError
from modelserver.predicting.dialect import beginning_of, find_dialect
from modelserver.predicting.output import Begun, File, Output, StandardOutput
from modelserver.predicting.patience import Patience
from modelserver.predicting.progress import Progress
from modelserver.predicting.request import Target
from modelserver.predicting.rows import Columns, CsvReader, Input, LineReader, NdjsonReader
from modelserver.predicting.run import Work, run
from modelserver.predicting.signature import inputs_of
from modelserver.predicting.source import FileSource, Source, StandardInput
from modelserver.server import authorization_of

FORMS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
"""How a file's name ends → what is in it."""

TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}

LOOKED_AT_BYTES = 65_536
"""Of the input's beginning, for its dialect and to tell it from others."""


def predict(options: Namespace) -> int:
    """Asks, writes, tells how it went: 1 when rows have an error in place of a prediction. Raises CommandError."""
    return asyncio.run(predicted(options))


async def predicted(options: Namespace) -> int:
    """The command, in its event loop."""
    begun_at = monotonic()
    is_csv = form_of(options) == "csv"
    source = source_of(options.file)
    target = Target(options.url.rstrip("/"), TYPES[form_of(options)], authorization_of(options))
    beginning = await first_bytes(source)
    reader, encoding = await reader_of(options, target, beginning) if is_csv else (NdjsonReader, "utf-8")
    begun = Begun(fingerprint(source, beginning), options.model, options.version)
    path = output_of(options)
    output: Output = (
        StandardOutput(begun) if path is None else File(path, begun, is_csv=is_csv, restart=options.restart)
    )
    progress = Progress(source.size, output.tally.rows, hidden=None)
    if output.tally.rows:
        progress.say(f"going on behind row {output.tally.rows:,}")
    try:
        work = Work(Input(source, encoding, reader), output, target, is_csv, options.rows_per_request)
        await run(work, Patience(options.patience, random.SystemRandom()), progress)
    finally:
        progress.close()
    say_end(path, output, monotonic() - begun_at)
    return int(output.tally.failed > 0)


def form_of(options: Namespace) -> str:
    """CSV or NDJSON. Raises UsageError for a file whose name does not say it."""
    form = options.form or FORMS.get(options.file.suffix.lower(), "csv" if is_standard(options.file) else "")
    if not form:
        raise UsageError(f"{options.file}: say what it is, --form csv or ndjson")
    return form


def is_standard(path: Path) -> bool:
    """Whether it is standard input or output."""
    return str(path) == "-"


def source_of(path: Path) -> Source:
    """The input. Raises UsageError."""
    if is_standard(path):
        return StandardInput(sys.stdin.buffer)
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file")
    return FileSource(path)


def output_of(options: Namespace) -> Path | None:
    """Where answers go; None: standard output. Raises UsageError."""
    path: Path | None = options.output
    if path is None and is_standard(options.file):
        raise UsageError("say where the answers go: --output FILE, or --output - for standard output")
    if path is None:
        path = options.file.with_name(f"{options.file.stem}.predictions.{form_of(options)}")
    if is_standard(path):
        return None
    if not path.parent.is_dir():
        raise UsageError(f"--output {path}: there is no such folder")
    return path


async def first_bytes(source: Source) -> bytes:
    """Up to the end of the first line, and what has come with it. Raises UsageError."""
    beginning, blocks = b"", source.blocks()
    try:
        async for block in blocks:
            beginning += block
            if len(beginning) >= LOOKED_AT_BYTES or b"\n" in beginning_of(beginning):
                break
    except OSError as error:
        raise UsageError(f"the input cannot be read: {error.strerror}") from None
    finally:
        await blocks.aclose()
    return beginning[:LOOKED_AT_BYTES]


def fingerprint(source: Source, beginning: bytes) -> str:
    """Tells the input from others: its size where it is known, its first line."""
    line = beginning_of(beginning).split(b"\n", 1)[0]
    size = "unknown size" if source.size is None else f"{source.size} bytes"
    return f"{size}, first line {hashlib.sha256(line).hexdigest()[:16]}"


async def reader_of(options: Namespace, target: Target, beginning: bytes) -> tuple[Callable[[], LineReader], str]:
    """How the CSV is read, and in which encoding. Raises UsageError and IncompleteError."""
    dialect = find_dialect(beginning, options.encoding, options.delimiter, options.decimal)
    columns = Columns(pass_through=options.pass_through)
    if options.pass_through or dialect.decimal != ".":
        columns = Columns(await inputs_of(target, options.model, options.version), options.pass_through)
    return partial(CsvReader, dialect, columns), dialect.encoding


def say_end(path: Path | None, output: Output, seconds: float) -> None:
    """One line: what is where, how much of it failed, who said it."""
    tally, begun = output.tally, output.begun
    failed = f"{tally.failed:,} failed ({tally.first_error[:300]})" if tally.failed else "none failed"
    by = f" by {begun.model_name} {begun.model_version}" if begun.model_name else ""
    line = f"{path or 'standard output'}: {tally.rows:,} rows{by}, {failed}, {seconds:.1f} s\n"
    (sys.stderr if path is None else sys.stdout).write(line)
