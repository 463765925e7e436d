"""Settings from the environment, `.env` for people, `NAME_FILE` for secrets; a wrong value is one clear line.

Precedence: environment, `NAME_FILE`, `.env`, default. An empty variable counts as not set, because Compose passes
`NAME=` for a variable that is not there; so does an empty file, because Compose needs one for every secret.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from shared.http.bounds import Bounds
from shared.http.host import host_name

EXIT_BAD_SETTING = 78
"""`EX_CONFIG` of sysexits.h: the supervisor can tell a wrong variable from a crash."""


def parse_list(text: Any) -> Any:
    """`one, two`: a tuple of the words between the commas; empty: none."""
    if not isinstance(text, str):
        return text
    return tuple(word.strip() for word in text.split(",") if word.strip())


def require_host_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, each a host without a port. ValueError for what is none."""
    for name in names:
        if host_name(name.encode()) != name.lower().rstrip("."):
            raise ValueError(f"{name!r} is no host name (without a port; an IPv6 address in brackets)")
    return names


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(parse_list)]
Names = Annotated[Words, AfterValidator(require_host_names)]


class SecretFiles(PydanticBaseSettingsSource):
    """Reads the variable NAME from the file that NAME_FILE points to, as Docker and Swarm hand out secrets."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The content of the file, or None when NAME_FILE is not set or the file is empty: as with empty variables.

        Raises SecretFileError when the file cannot be read.
        """
        variable = f"{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip() or None, field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SecretFileError(f"{variable}: cannot read {path}: {reason(error)}") from error

    def __call__(self) -> dict[str, Any]:
        """Every field whose NAME_FILE is set."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class SecretFileError(ValueError):
    """A NAME_FILE that points to nothing readable."""


class ServiceSettings(BaseSettings):
    """What every service can be told."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on")
    reuse_port: bool = Field(False, description="Several processes of a service may share PORT (SO_REUSEPORT)")
    telemetry_port: int = Field(0, ge=0, le=65535, description="Port of the Prometheus metrics; 0: none")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    shutdown_delay_seconds: float = Field(
        0,
        ge=0,
        le=300,
        description="After SIGTERM, how long to answer on while not ready, for load balancers to leave",
    )
    hang_timeout_seconds: float = Field(
        20, ge=0, le=3600, description="A process whose event loop stands still for so long ends itself; 0: never"
    )
    shutdown_grace_seconds: int = Field(8, ge=1, le=300, description="How long requests in flight may take to finish")

    allowed_hosts: Names = Field((), description="Names that requests may be for, with commas between; empty: any")
    max_head_bytes: int = Field(
        Bounds.max_head_bytes, ge=1024, le=1_048_576, description="Request line and header fields; more: 431"
    )
    max_head_fields: int = Field(Bounds.max_head_fields, ge=16, le=10_000, description="Header fields; more: 431")
    max_trailer_bytes: int = Field(
        Bounds.max_trailer_bytes,
        ge=0,
        le=1_048_576,
        description="Trailers and chunk extensions of a body together; more: 431. They are dropped",
    )
    max_pipelined_requests: int = Field(
        Bounds.max_pipelined_requests,
        ge=1,
        le=1024,
        description="Requests that wait on a connection; then reading stops",
    )
    first_byte_seconds: float = Field(
        Bounds.first_byte_seconds, gt=0, le=3600, description="A connection's first request must begin by then"
    )
    head_seconds: float = Field(
        Bounds.head_seconds, gt=0, le=3600, description="From the first byte of a head to its last, else 408"
    )
    idle_seconds: float = Field(
        Bounds.idle_seconds, gt=0, le=86_400, description="How long a connection is kept between two requests"
    )
    progress_seconds: float = Field(
        Bounds.progress_seconds,
        gt=0,
        le=3600,
        description="In this time PROGRESS_BYTES of a body must come, else 408, and of a response be read",
    )
    progress_bytes: int = Field(Bounds.progress_bytes, ge=1, le=1_048_576, description="See PROGRESS_SECONDS")
    linger_seconds: float = Field(
        Bounds.linger_seconds,
        gt=0,
        le=600,
        description="How long the rest of a request is read after its response, so that the client can read that",
    )
    linger_bytes: int = Field(
        Bounds.linger_bytes, ge=0, le=1_099_511_627_776, description="How much of it is read and dropped"
    )
    max_connections: int = Field(
        Bounds.max_connections, ge=16, le=1_000_000, description="Of one process; more: 503, or closed at once"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Secret files stand between the environment and `.env`."""
        return init_settings, env_settings, SecretFiles(settings_cls), dotenv_settings


Settings = TypeVar("Settings", bound=ServiceSettings)


def load_settings(settings: type[Settings], service: str) -> Settings:
    """The settings of a service, or the end of the process with one line that names the variable."""
    try:
        return settings()
    except SecretFileError as error:
        stop_for_bad_setting(service, str(error))
    except ValidationError as error:
        stop_for_bad_setting(service, describe(error))


def describe(error: ValidationError) -> str:
    """`NAME: what is wrong` for each wrong variable, without the values: they may be secrets."""
    return "; ".join(f"{variable_of(item['loc'])}: {item['msg']}" for item in error.errors(include_input=False))


def variable_of(location: tuple[int | str, ...]) -> str:
    """The variable that a validation error is about."""
    return str(location[0]).upper() if location else "settings"


def stop_for_bad_setting(service: str, message: str) -> NoReturn:
    """Ends the process with one line on standard error."""
    sys.stderr.write(f"{service}: {message}\n")
    raise SystemExit(EXIT_BAD_SETTING)


def reason(error: Exception) -> str:
    """Why a file could not be used, in the system's own words."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
