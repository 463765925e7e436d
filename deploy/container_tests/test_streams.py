"""A long stream through the edge: all of it on record, in flat memory of every process on its way."""

import json
from collections.abc import Iterator

import httpx

from container_tests.stack import ComposeStack, run

ROWS = 100_000
LINE = (
    json.dumps({"text": "The room was clean, the staff friendly, and the view a disappointment.", "_row": "{}"}) + "\n"
)
MOST_MORE_MIB = 48
"""Of resident memory at its peak: buffers and what is in flight. The stream itself has 9 MiB there and 20 back."""
PEAK = "import re; print(max(int(n) for n in re.findall(r'VmHWM:\\s+(\\d+)', open('/proc/1/status').read())))"


def rows() -> Iterator[bytes]:
    """In pieces that end in the middle of lines, as a network's do."""
    lines = b"".join(LINE.replace("{}", str(number)).encode() for number in range(ROWS))
    yield from (lines[start : start + 50_001] for start in range(0, len(lines), 50_001))


def peak_mib(stack: ComposeStack, service: str) -> float:
    return int(run("docker", "exec", stack.container(service), "python", "-c", PEAK)) / 1024


def test_a_long_stream_is_answered_in_order_recorded_once_and_takes_no_memory(
    stack: ComposeStack, client: httpx.Client
) -> None:
    services = ("gateway", "prediction-service")
    query = {"model_name": "sentiment-lexicon"}
    client.post("/predict/batch", params=query, content=LINE, headers={"Content-Type": "application/x-ndjson"})
    peaks = {service: peak_mib(stack, service) for service in services}
    before = client.get("/metrics/count").json()["total_predictions"]

    with client.stream(
        "POST", "/predict/batch", params=query, content=rows(), headers={"Content-Type": "application/x-ndjson"},
        timeout=300,
    ) as answer:  # fmt: skip
        assert answer.status_code == 200, answer.read()
        lines = [json.loads(line) for line in answer.iter_lines()]

    *predictions, end = lines
    assert (end["done"], end["rows"], end["failed"]) == (True, ROWS, 0)
    assert [int(one["_row"]) for one in predictions] == list(range(ROWS))
    assert len({one["prediction_id"] for one in predictions}) == ROWS
    assert client.get("/metrics/count").json()["total_predictions"] == before + ROWS
    for service, peak in peaks.items():
        assert peak_mib(stack, service) - peak < MOST_MORE_MIB, service
