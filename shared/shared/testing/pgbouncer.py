"""PgBouncer in transaction mode: each transaction may be on another connection."""

import os
import signal
from pathlib import Path

from shared.database.service_roles import SERVICE_ROLES
from shared.embedded import postgres
from shared.embedded.ports import free_ports
from shared.embedded.unprivileged import give_to_unprivileged, unprivileged
from shared.processes.server import ServerProcess
from shared.testing.certificates import write_certificates
from shared.testing.debian import debian_program
from shared.testing.postgres import PostgresServer

POOL_SIZE = 4
"""Connections for each role: fewer than a service has clients, so that they take turns."""


class PgBouncer(ServerProcess):
    """Stands before `server`; `point_to` puts it before another one. `tls`: asks clients for a certificate."""

    def __init__(self, server: PostgresServer, folder: Path, *, tls: bool = False) -> None:
        program = debian_program("pgbouncer", "pgbouncer")
        self._folder = folder / "pgbouncer"
        self._folder.mkdir(mode=0o700)
        self._configuration = self._folder / "pgbouncer.ini"
        self.password = server.password
        users = (postgres.SUPERUSER, *SERVICE_ROLES)
        (self._folder / "users.txt").write_text("".join(f'"{user}" "{self.password}"\n' for user in users))
        port = next(free_ports())
        self._tls = ""
        if tls:
            write_certificates(self._folder)
            files = {"ca_file": "ca", "cert_file": "certificate", "key_file": "key"}
            lines = [f"client_tls_{name} = {self._folder}/{file}.pem" for name, file in files.items()]
            self._tls = "\n".join(["client_tls_sslmode = verify-full", *lines])
        self._write(server, port)
        for path in (self._folder, *self._folder.iterdir()):
            give_to_unprivileged(path)
        command = unprivileged([program, str(self._configuration)])
        super().__init__(command, port, folder / "pgbouncer.log")

    def _write(self, server: PostgresServer, port: int) -> None:
        self._configuration.write_text(
            f"""[databases]
* = host=127.0.0.1 port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {self._folder}/users.txt
pool_mode = transaction
default_pool_size = {POOL_SIZE}
max_client_conn = 500
server_login_retry = 1
{self._tls}
"""
        )

    @property
    def certificates(self) -> Path:
        """The folder with `ca.pem`, `certificate.pem` and `key.pem`."""
        return self._folder

    def url(self, role: str, database: str) -> str:
        """The URL of `database` through the pooler."""
        return f"postgresql://{role}:{self.password}@127.0.0.1:{self.port}/{database}?pgbouncer=true"

    def point_to(self, server: PostgresServer) -> None:
        """As operators do it when a standby was promoted: another host in the configuration, then a SIGHUP."""
        self._write(server, self.port)
        os.kill(self.pid, signal.SIGHUP)
