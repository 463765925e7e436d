"""A primary and its standby, both real: the primary can be killed, the standby promoted."""

import asyncio
import subprocess
from pathlib import Path

from shared.embedded import postgres
from shared.embedded.ports import free_ports
from shared.embedded.unprivileged import give_to_unprivileged, unprivileged
from shared.processes.server import ServerProcess
from shared.testing.postgres import TEMPLATE, Database, PostgresServer


class Standby(PostgresServer):
    """A copy of `primary` that follows it over a stream, until it is promoted."""

    def __init__(self, primary: PostgresServer, data: Path, port: int) -> None:
        self.password = primary.password
        data.mkdir(mode=0o700)
        give_to_unprivileged(data)
        copy = [postgres.program("pg_basebackup"), "--dbname", primary.url("") + "?application_name=standby"]
        copy += ["--pgdata", str(data), "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
        subprocess.run(unprivileged(copy), check=True, capture_output=True, cwd="/")
        command = postgres.server_command(data, port, durable=False)
        ServerProcess.__init__(self, command, port, data.with_suffix(".log"))


class Pair:
    """Both, with synchronous replication: what was committed on the primary is on the standby."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._copies = folder, 0
        self.primary = PostgresServer(folder)
        self.primary.start_and_wait()
        asyncio.run(self.primary.make_template())
        self.standby = self._copy(next(free_ports()))

    @property
    def ports(self) -> tuple[int, int]:
        """Those of both, whoever is the primary by now."""
        first, second = sorted((self.primary.port, self.standby.port))
        return first, second

    def url(self, role: str, database: str = TEMPLATE, query: str = "") -> str:
        """The URL of a database on whichever of the two takes writes."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"postgresql://{role}:{self.primary.password}@{hosts}/{database}{query}"

    async def fail_over(self) -> None:
        """`kill -9` of the primary, then the standby takes its place; returns once that takes writes."""
        await asyncio.to_thread(self.primary.kill)
        await self.standby.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
        await self.standby.execute("SELECT pg_promote()")
        self.primary, self.standby = self.standby, self.primary

    def rebuild_standby(self) -> None:
        """The one that was killed comes back, on its old port, as a copy of the one that took its place."""
        self.standby = self._copy(self.standby.port)

    def _copy(self, port: int) -> Standby:
        self._copies += 1
        standby = Standby(self.primary, self._folder / f"copy-{self._copies}", port)
        standby.start_and_wait()
        asyncio.run(self._wait_for_the_standby())
        return standby

    async def _wait_for_the_standby(self) -> None:
        """From here on a commit waits for the standby."""
        await self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        await self.primary.execute("SELECT pg_reload_conf()")
        followers = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
        async with asyncio.timeout(20):
            while not await Database(self.primary, "postgres").fetch(followers):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def stop(self) -> None:
        """Ends both."""
        self.standby.kill()
        self.primary.kill()
