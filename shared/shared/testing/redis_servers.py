"""Redis as teams have it, from Debian's packages: with TLS and users, with sentinels, as a cluster."""

import secrets
import subprocess
from pathlib import Path

import redis

from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.processes.waiting import wait_until
from shared.testing.certificates import write_certificates
from shared.testing.debian import debian_program
from shared.testing.redis import RedisProcess

MASTER_NAME = "main"
NODE_TIMEOUT_MS = 1000
"""How long a node of a cluster or a master is silent before the others think of replacing it."""


class DebianRedis(RedisProcess):
    """One redis-server with a password and without persistence; `lines` are more of its configuration."""

    def __init__(self, folder: Path, *lines: str, password: str | None = None, port: int | None = None) -> None:
        self.password = password or secrets.token_urlsafe(12)
        port = port or next(free_ports())
        self.folder = folder / f"redis-{port}"
        self.folder.mkdir()
        configuration = self.folder / "redis.conf"
        common = ["bind 127.0.0.1", f"port {port}", f"dir {self.folder}", "save ''", f"requirepass {self.password}"]
        common += [f"masterauth {self.password}", "repl-diskless-sync-delay 0", "logfile ''"]
        configuration.write_text("\n".join([*common, *lines]) + "\n")
        program = debian_program("redis-server", "redis-server")
        super().__init__([program, str(configuration)], port, self.folder / "redis.log")


class TlsRedis(DebianRedis):
    """Speaks nothing but TLS, asks for a certificate, and knows the user `reports`."""

    def __init__(self, folder: Path) -> None:
        write_certificates(folder)
        self.certificates = folder
        self.tls_port = next(free_ports())
        files = [f"tls-ca-cert-file {folder}/ca.pem", f"tls-cert-file {folder}/certificate.pem"]
        files += [f"tls-key-file {folder}/key.pem", "tls-auth-clients yes", f"tls-port {self.tls_port}"]
        super().__init__(folder, *files, "user reports on >reports-password ~analysis:* &analysis:* +@all")

    @property
    def url(self) -> str:
        """For REDIS_URL."""
        return f"rediss://reports:reports-password@127.0.0.1:{self.tls_port}/3"


class SentinelGroup:
    """A master, its replica, and three sentinels with a password of their own."""

    def __init__(self, folder: Path) -> None:
        self.password, self.sentinel_password = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
        self.master = DebianRedis(folder, password=self.password)
        follow = f"replicaof 127.0.0.1 {self.master.port}"
        self.replica = DebianRedis(folder, follow, password=self.password)
        self.sentinels = [self._sentinel(folder, port) for port, _ in zip(free_ports(), range(3), strict=False)]

    def _sentinel(self, folder: Path, port: int) -> ServerProcess:
        configuration = folder / f"sentinel-{port}.conf"
        lines = ["bind 127.0.0.1", f"port {port}", f"dir {folder}", f"requirepass {self.sentinel_password}"]
        lines += [f"sentinel monitor {MASTER_NAME} 127.0.0.1 {self.master.port} 2"]
        lines += [f"sentinel auth-pass {MASTER_NAME} {self.password}"]
        lines += [f"sentinel down-after-milliseconds {MASTER_NAME} {NODE_TIMEOUT_MS}"]
        lines += [f"sentinel failover-timeout {MASTER_NAME} 3000"]
        configuration.write_text("\n".join(lines) + "\n")
        program = debian_program("redis-sentinel", "redis-sentinel")
        return ServerProcess([program, str(configuration)], port, folder / f"sentinel-{port}.log")

    @property
    def url(self) -> str:
        """For REDIS_URL."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://:{self.password}@{hosts}/{MASTER_NAME}/2"

    def start_and_wait(self) -> None:
        """Starts all, and waits until the replica follows and the sentinels know of each other and of it."""
        self.master.start_and_wait()
        self.replica.start_and_wait()
        for sentinel in self.sentinels:
            sentinel.start()
        wait_until(self._is_formed, "the sentinels to know of each other")

    def _is_formed(self) -> bool:
        with redis.Redis(port=self.sentinels[0].port, password=self.sentinel_password, decode_responses=True) as client:
            state = dict(client.sentinel_master(MASTER_NAME))
        with self.replica.client() as client:
            follows = client.info("replication").get("master_link_status") == "up"
        return bool(follows and state["num-other-sentinels"] == 2 and state["num-slaves"] == 1)

    def stop(self) -> None:
        """Ends all."""
        for server in (*self.sentinels, self.replica, self.master):
            server.kill()


class RedisClusterServers:
    """Three masters, each with a replica."""

    def __init__(self, folder: Path) -> None:
        self.password = secrets.token_urlsafe(12)
        lines = ("cluster-enabled yes", f"cluster-node-timeout {NODE_TIMEOUT_MS}", "cluster-config-file nodes.conf")
        ports = free_ports()
        self.nodes = [
            DebianRedis(folder, *lines, f"cluster-port {next(ports)}", password=self.password, port=next(ports))
            for _ in range(6)
        ]

    @property
    def url(self) -> str:
        """For REDIS_URL; two nodes are enough to find the others."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[:2])
        return f"redis+cluster://:{self.password}@{hosts}"

    def start_and_wait(self) -> None:
        """Starts all and makes them a cluster."""
        for node in self.nodes:
            node.start_and_wait()
        addresses = [f"127.0.0.1:{node.port}" for node in self.nodes]
        command = [debian_program("redis-cli", "redis-tools"), "--pass", self.password, "--no-auth-warning"]
        command += ["--cluster", "create", *addresses, "--cluster-replicas", "1", "--cluster-yes"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        wait_until(self._is_formed, "the cluster to be well")

    def _is_formed(self) -> bool:
        for node in self.nodes:
            with node.client() as client:
                if client.cluster("INFO")["cluster_state"] != "ok":
                    return False
                if client.info("replication")["role"] == "slave" and (
                    client.info("replication")["master_link_status"] != "up"
                ):
                    return False
        return True

    def masters(self) -> list[DebianRedis]:
        """Those that are masters now."""
        found = []
        for node in self.nodes:
            if node.answers():
                with node.client() as client:
                    if client.info("replication")["role"] == "master":
                        found.append(node)
        return found

    def stop(self) -> None:
        """Ends all."""
        for node in self.nodes:
            node.kill()
