"""`make run` is for this machine: it answers to no other name, so that no page on the web can borrow one for it."""

import socket

import pytest

from tests.stack import LocalStack

MODULES = ["gateway", "prediction_service", "metrics_service", "analytics_service"]


def status(port: int, *hosts: str) -> int:
    """What a request with these Host headers gets."""
    lines = ["GET /health/live HTTP/1.1", *(f"Host: {host}" for host in hosts), "Connection: close", "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode())
        return int(connection.recv(65_536).split()[1])


@pytest.mark.parametrize("module", MODULES)
def test_only_the_names_of_this_machine_are_answered(stack: LocalStack, module: str) -> None:
    port = int(stack.process_of(module).environ()["PORT"])
    for host in ("localhost", "LOCALHOST:1", f"127.0.0.1:{port}", "[::1]", "[::1]:8000", "localhost."):
        assert status(port, host) == 200, host
    for host in (
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "127.0.0.2",
        "",
        "local host",
        "a@localhost",
    ):
        assert status(port, host) == 400, host
    assert status(port) == 400
    assert status(port, "localhost", "localhost") == 400
    assert status(port, "localhost", "evil.example") == 400


def test_a_gateway_for_others_takes_their_names_for_it_and_a_user_may_say_which() -> None:
    from local.environments import LOOPBACK_NAMES, allowed_hosts
    from local.settings import LocalSettings

    everybody, ourselves = LocalSettings(host="192.0.2.1"), LocalSettings(host="127.0.0.1")
    assert allowed_hosts("gateway", ourselves) == LOOPBACK_NAMES
    assert allowed_hosts("gateway", everybody) == ""
    assert allowed_hosts("metrics-service", everybody) == LOOPBACK_NAMES
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLOWED_HOSTS", "models.example")
        for host in ("192.0.2.1", "127.0.0.1"):
            named = LocalSettings(host=host)
            assert allowed_hosts("gateway", named) == "models.example"
            assert allowed_hosts("metrics-service", named) == LOOPBACK_NAMES
