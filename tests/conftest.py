"""Tests across services: the real stack, seen only through the gateway."""

import itertools
from collections.abc import Iterator

import httpx
import pytest

from tests.stack import LocalStack

_addresses = (f"198.51.{third}.{fourth}" for third, fourth in itertools.product(range(256), range(1, 255)))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """One stack for all tests that do not break it. No request is slow in it, however busy the machine is."""
    folder = tmp_path_factory.mktemp("stack") / "local"
    stack = LocalStack(folder, ACCESS_LOG_SLOW_SECONDS="600").start()
    yield stack
    stack.end()


@pytest.fixture
def client(stack: LocalStack) -> Iterator[httpx.Client]:
    """A client of the gateway with an address of its own, so that no test uses up another one's quota."""
    with httpx.Client(base_url=stack.url, headers={"X-Forwarded-For": next(_addresses)}, timeout=30) as client:
        yield client


@pytest.fixture
def new_address() -> str:
    """An address from which nobody has called yet."""
    return next(_addresses)
