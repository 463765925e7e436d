"""A request is one line in the log of the whole system: at its edge. What goes wrong is told where it did, too."""

import httpx

from shared.processes.waiting import wait_until
from tests.stack import LocalStack


def test_a_prediction_is_one_line_of_the_gateway_and_an_error_one_of_each(
    stack: LocalStack, client: httpx.Client
) -> None:
    fine, wrong = "one-line-at-the-edge", "one-line-of-each"
    client.post("/predict", json={"text": "Fine."}, headers={"X-Request-ID": fine}).raise_for_status()
    assert client.post("/predict", json={"text": " "}, headers={"X-Request-ID": wrong}).status_code == 422

    def lines(request_id: str) -> list[str]:
        return [line for line in list(stack.output) if f"request_id={request_id}" in line]

    def services(request_id: str) -> list[str]:
        return sorted(name for line in lines(request_id) for name in line.split()[2:3])

    wait_until(lambda: len(lines(wrong)) > 1, "the lines of what went wrong")
    assert services(wrong) == ["gateway", "prediction-service"]
    assert services(fine) == ["gateway"]  # each service writes in order: there are no more to come
    (line,) = lines(fine)
    for value in ("route=/predict", "status=200", "upstream=prediction-service", "duration_ms="):
        assert value in line
