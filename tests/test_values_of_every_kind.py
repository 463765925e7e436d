"""Whatever a value is written with, each process of `make run` gets it as it was set."""

import json
from pathlib import Path

import psutil
import pytest

from tests.stack import LocalStack

EVERYTHING = "".join(map(chr, range(0x21, 0x7F)))
"""All signs that an admin token can have: quotes of each kind, backslash, percent, semicolon, dollar, number sign."""

ODD = f' ;{EVERYTHING} ; it\'s "both" %(here)s $HOME `id` ü'


@pytest.mark.parametrize("name", ["plain", "nc%d ü'\"x ; y"])
def test_a_value_comes_through_as_it_is(tmp_path: Path, name: str) -> None:
    secret = f"{ODD} and more"
    stack = LocalStack(tmp_path / name / "local", ADMIN_TOKEN=EVERYTHING, ALERT_WEBHOOK_SECRET=secret).start()
    try:
        assert stack.client.get("/analyze/quota", headers={"Authorization": f"Bearer {EVERYTHING}"}).status_code == 200
        told = stack.process_of("metrics_service").environ()
        assert told["ALERT_WEBHOOK_SECRET"] == secret
        for file in stack.folder.iterdir():
            assert (
                not file.is_file() or secret not in file.read_text(errors="replace") or file.stat().st_mode & 0o77 == 0
            )
        assert "ALERT_WEBHOOK_SECRET" not in stack.process_of("gateway").environ()
    finally:
        stack.end()
    assert json.dumps(EVERYTHING)[1:-1] not in "".join(stack.output)
    assert EVERYTHING not in "".join(stack.output)
    running = psutil.process_iter(["cmdline"])
    assert not [process for process in running if str(stack.folder) in " ".join(process.info["cmdline"] or ())]
