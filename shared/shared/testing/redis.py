"""A real Redis-compatible server for tests."""

import secrets
from pathlib import Path

import redis

from shared.embedded.ports import free_ports
from shared.embedded.redis import server_command
from shared.processes.server import ServerProcess


class RedisProcess(ServerProcess):
    """A server that speaks Redis's protocol and wants a password."""

    password: str

    def client(self) -> redis.Redis:
        """A blocking client, for looking behind the scenes."""
        return redis.Redis(port=self.port, password=self.password, decode_responses=True)

    def start_and_wait(self) -> None:
        """Starts the server and waits until it answers PING."""
        self.start(self.answers)

    def answers(self) -> bool:
        """Whether it answers PING."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class RedisServer(RedisProcess):
    """Valkey with a password and without persistence: after `kill` it starts empty."""

    def __init__(self, folder: Path) -> None:
        self.password = secrets.token_urlsafe(12)
        port = next(free_ports())
        command = server_command(folder / "redis", port, self.password, durable=False)
        super().__init__(command, port, folder / "redis.log")
