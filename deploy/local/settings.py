"""What `make run` itself can be told; every other variable is passed on to the services."""

import resource
import unicodedata
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from shared.database.urls import DatabaseUrl
from shared.settings.listed_names import Names
from shared.settings.listen_address import Host
from shared.settings.secret_words import AdminToken
from shared.settings.settings import EnvironmentSettings

TELEMETRY_AT, STORES_AT = 10, 20
"""How far behind PORT the Prometheus metrics begin, and the stores."""

TELEMETRY_PORTS, STORE_PORTS = 4, 2

FEWEST_FILES = 1024
"""That a process must be allowed to open: supervisord asks for as many, and each connection is one."""

MOST_FILES = 65_536


def findable(path: Path) -> Path:
    """Raises ValueError for a path whose links lead nowhere."""
    try:
        path.resolve()
    except RuntimeError:
        raise ValueError("has a link in it that leads back to itself") from None
    return path


def writable_everywhere(path: Path) -> Path:
    """Raises ValueError for a folder whose path has signs that addresses of sockets and other programs' files may not.

    Such are control characters, and bytes that are no UTF-8, which Python reads as halves of surrogate pairs.
    """
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in str(findable(path).resolve())):
        raise ValueError("has, with the folder that it lies in, a control character in its path or is no UTF-8")
    return path


FoundFolder = Annotated[Path, AfterValidator(findable)]


class LocalSettings(EnvironmentSettings):
    """Where the stack lives and where it listens."""

    host: Host = Field("127.0.0.1", description="Address of the gateway; everything else stays on 127.0.0.1")
    port: int = Field(8000, ge=1, le=65_535, description="Port of the gateway")
    telemetry_port: int | None = Field(
        None, ge=0, le=65_532, description="First of four ports with Prometheus metrics; not set: PORT + 10, 0: none"
    )
    store_port: int | None = Field(
        None, ge=1, le=65_534, description="Port of Postgres, and the next of Redis; not set: PORT + 20"
    )
    local_dir: Annotated[Path, AfterValidator(writable_everywhere)] = Field(
        Path(".local"), validate_default=True, description="Folder of the data, over restarts"
    )
    models_dir: FoundFolder = Field(Path("models"), description="The model repository")
    model_environments_dir: FoundFolder | None = Field(
        None, description="Environments of Python models; not set: in LOCAL_DIR"
    )
    log_format: Literal["json", "console"] = "console"

    database_url: DatabaseUrl | None = Field(None, description="A Postgres of one's own; not set: one is started")
    redis_host: Host | None = Field(None, description="A Redis of one's own; not set: one is started")
    redis_url: SecretStr | None = Field(None, description="The same, of any kind")
    allowed_hosts: Names = Field((), description="Names that requests may be for; not set: those of this machine")
    admin_token: AdminToken | None = Field(None, description="Not set: one is made, in LOCAL_DIR")

    @property
    def has_own_redis(self) -> bool:
        """Whether the user has one."""
        return self.redis_host is not None or self.redis_url is not None

    @property
    def first_telemetry_port(self) -> int:
        """That of the gateway; 0: none."""
        return self.port + TELEMETRY_AT if self.telemetry_port is None else self.telemetry_port

    @property
    def first_store_port(self) -> int:
        """That of Postgres."""
        return self.port + STORES_AT if self.store_port is None else self.store_port

    @model_validator(mode="after")
    def ports_differ(self) -> Self:
        """Raises ValueError when two servers would have one port, or one a port that there is not."""
        telemetry = self.first_telemetry_port
        ports = [self.port, *range(self.first_store_port, self.first_store_port + STORE_PORTS)]
        ports += range(telemetry, telemetry + TELEMETRY_PORTS) if telemetry else ()
        if max(ports) > 65_535:
            raise ValueError("PORT: leaves no room for PORT + 10 and PORT + 20; set TELEMETRY_PORT and STORE_PORT too")
        if len(set(ports)) != len(ports):
            raise ValueError(
                "PORT, TELEMETRY_PORT and the three behind it, STORE_PORT and the one behind it must differ"
            )
        return self

    def check_machine(self) -> None:
        """Raises ValueError when so few files may be opened that nothing works; takes as many as are useful."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
        if most < FEWEST_FILES:
            raise ValueError(f"only {most} files may be open at once (ulimit -Hn); {FEWEST_FILES} are needed")
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
