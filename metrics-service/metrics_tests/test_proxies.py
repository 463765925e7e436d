"""Proxies of the environment: webhooks are called through them, but for receivers that NO_PROXY names."""

import asyncio

import pytest
from pydantic import ValidationError

from metrics_tests.receiver import Receiver
from metrics_tests.rows import Row, insert
from metrics_tests.service import client_of, settings_for
from shared.testing.forward_proxy import ForwardProxy
from shared.testing.postgres import Database


@pytest.mark.parametrize("excepted", [False, True])
async def test_webhooks_are_called_through_the_proxy_unless_they_are_excepted(
    excepted: bool, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ForwardProxy() as proxy, Receiver() as receiver:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1" if excepted else "")
        await insert(database, [Row(confidence=0.5) for _ in range(20)])
        settings = settings_for(database, alert_webhooks=receiver.url, alert_interval=0.1)
        async with client_of(settings), asyncio.timeout(20):
            while not receiver.received:
                await asyncio.sleep(0.02)
        assert proxy.asked == ([] if excepted else [receiver.url])


def test_a_proxy_that_cannot_be_used_stops_the_start_where_it_would_be_used(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    assert settings_for(database).alert_webhooks == ()
    with pytest.raises(ValidationError, match="ALL_PROXY is not of the form"):
        settings_for(database, alert_webhooks="https://example.com/hook")
