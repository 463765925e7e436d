"""README's tour: its commands, in its order, on a fresh stack, print what stands there."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import REPOSITORY, LocalStack

TOUR = (REPOSITORY / "README.md").read_text().split("## A tour")[1].split("\n## ")[0]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)

VARIES = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", r"[0-9a-f-]{36}"),
    (r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", r"[0-9a-f]{32}"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", r"[0-9T:.+-]+Z"),
    (r"\d+\.\d{3,}", r"\d+(?:\.\d+)?(?:e-\d+)?"),
    (r"(?<=t=)60|(?<=retry-after: )60|(?<=in )60(?= s\.)", r"(?:6[01]|5\d)"),
    ("…", ".*"),
]
"""What is another each time, as it stands in README → what may stand in its place. Labels, counts, states and words are
compared as they are."""


def pattern(printed: str) -> re.Pattern[str]:
    """README breaks lines, with a space before what follows; the services do not."""
    one_line = re.sub(r"\n *", "", printed.strip())
    any_of_them = "|".join(f"({shape})" for shape, _ in VARIES)
    parts, end = [], 0
    for found in re.finditer(any_of_them, one_line):
        parts += [re.escape(one_line[end : found.start()]), VARIES[(found.lastindex or 1) - 1][1]]
        end = found.end()
    return re.compile("".join(parts) + re.escape(one_line[end:]), re.DOTALL)


def steps() -> Iterator[tuple[str, str]]:
    for block in BLOCK.findall(TOUR):
        yield from COMMAND.findall(block)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """As a new user has it: nobody has set a token, nothing is on record."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ADMIN_TOKEN")
        stack = LocalStack(tmp_path_factory.mktemp("tour") / ".local").start()
    yield stack
    stack.end()


def printed_by(command: str, stack: LocalStack) -> str:
    folder: Path = stack.folder.parent
    there = command.replace("localhost:8000", f"localhost:{stack.port}")
    return subprocess.run(["sh", "-c", there], cwd=folder, capture_output=True, text=True, check=True).stdout


def agrees(printed: str, expected: str) -> bool:
    """With its head where README shows one: each of those lines is there, and the body is as shown."""
    if not expected.startswith("HTTP/"):
        return bool(pattern(expected).fullmatch(printed.strip()))
    head, _, body = printed.partition("\n\n")
    shown, _, shown_body = expected.partition("…\n")
    lines = [line.strip() for line in head.splitlines()]
    heads = [pattern(line) for line in shown.strip().splitlines()]
    return all(any(each.fullmatch(line) for line in lines) for each in heads) and bool(
        pattern(shown_body).fullmatch(body.strip())
    )


def test_the_tour_is_literally_true(fresh: LocalStack) -> None:
    found = list(steps())
    assert len(found) >= 9
    for command, expected in found:
        printed = printed_by(command, fresh).replace("\r\n", "\n")
        assert agrees(printed, expected), f"$ {command}\nprints\n{printed}\nand README says\n{expected}"


def test_a_difference_is_noticed() -> None:
    """So that the comparison is one."""
    shown = '{"label":"positive","confidence":0.8822741,\n "id":"f4194932386d41c5e799eb0d71b3f8d9",…}'
    assert agrees('{"label":"positive","confidence":0.12,"id":"04194932386d41c5e799eb0d71b3f8d9","x":1}', shown)
    assert not agrees('{"label":"negative","confidence":0.12,"id":"04194932386d41c5e799eb0d71b3f8d9","x":1}', shown)
    assert not agrees("HTTP/1.1 200 OK\nx-cache: HIT\n\n{}", "HTTP/1.1 200 OK\nx-cache: MISS\n…\n{}\n")
