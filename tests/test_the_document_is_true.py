"""What schemathesis makes of the document: requests of every kind, and no response that the document does not know."""

import json
import random
import subprocess
from pathlib import Path

import httpx
import pytest
from hypothesis import settings

from shared.testing.admin import TOKEN
from tests.stack import LocalStack

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "unsupported_method",
)  # fmt: skip

LOADING = "^/v2/repository/models/"
"""Apart and last: whoever unloads the default model gets what follows from it, 503 and 404 everywhere else."""

PLENTY = "1000000/60s"

SCHEMATHESIS = Path(__file__).parent.parent / ".venv-tools/bin/schemathesis"
"""As make tools-install installs it."""

SEED_OF_CI = 20_261_127
"""Where Hypothesis draws the same each time (in CI), schemathesis does as well."""


@pytest.fixture
def roomy(tmp_path: Path):
    """A stack whose limits are not what is tested."""
    stack = LocalStack(tmp_path / "local", INGRESS_LIMITS=PLENTY, WRONG_TOKEN_LIMITS=PLENTY).start()
    yield stack
    stack.end()


def run_schemathesis(stack: LocalStack, folder: Path, *which: str) -> None:
    assert SCHEMATHESIS.exists(), "make tools-install installs it"
    seed = SEED_OF_CI if settings().derandomize else random.randrange(2**32)
    run = subprocess.run(
        [SCHEMATHESIS, "run", f"{stack.url}/openapi.json", "--url", stack.url,
         "--phases", "examples,coverage,fuzzing", "--max-examples", "30", "--seed", str(seed), "--no-color",
         "--checks", ",".join(CHECKS), "--header", f"Authorization: Bearer {TOKEN}", *which],
        cwd=folder, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-8000:]
    assert "Unresolvable references" not in run.stdout


@pytest.mark.timeout(600)
def test_schemathesis_finds_nothing(roomy: LocalStack, tmp_path: Path) -> None:
    httpx.post(f"{roomy.url}/predict", json={"text": "What a wonderful little server!"}).raise_for_status()
    run_schemathesis(roomy, tmp_path, "--exclude-path-regex", LOADING)
    run_schemathesis(roomy, tmp_path, "--include-path-regex", LOADING)


def test_every_reference_of_the_document_leads_somewhere(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    text = json.dumps(document)
    assert "#/$defs/" not in text
