"""What a service can be told: settings from the environment, each checked; a wrong value is one clear line.

Precedence: the environment, `.env`, the default; `setting_sources` says more.
"""

import sys
from pathlib import Path
from typing import ClassVar, Literal, NoReturn, TypeVar

from pydantic import Field, HttpUrl, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from shared.contracts.faults import in_words
from shared.http.server.bounds import Bounds
from shared.settings.listed_names import Names
from shared.settings.listen_address import Host
from shared.settings.secret_words import OtlpHeaders
from shared.settings.sources import SecretFiles, Trimmed, check_dotenv
from shared.tracing.sampler import SamplerName

EXIT_BAD_SETTING = 78
"""`EX_CONFIG` of sysexits.h: the supervisor can tell a wrong variable from a crash."""

DOTENV = Path(".env")
"""In the folder where a process starts."""


AccessLogged = Literal["all", "errors", "off"]
"""Which requests have a line in the log. `errors`: those whose response is an error but no 429, and slow ones."""


class EnvironmentSettings(BaseSettings):
    """Settings from the sources that `setting_sources` describes."""

    model_config = SettingsConfigDict(
        env_file=DOTENV, env_file_encoding="utf-8-sig", extra="ignore", frozen=True, allow_inf_nan=False
    )

    emphatic: ClassVar[frozenset[str]] = frozenset()
    """Names of fields whose empty variable is not the same as none."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment before `.env`; in each, a value before the file that is named for it."""
        sources: list[PydanticBaseSettingsSource] = [init_settings]
        for source in (env_settings, dotenv_settings):
            sources.append(Trimmed(settings_cls, source, cls.emphatic))
            if isinstance(source, EnvSettingsSource):
                sources.append(SecretFiles(settings_cls, source))
        return tuple(sources)

    def check_machine(self) -> None:
        """Raises ValueError, `NAME: what is wrong`, for a value that this machine cannot do; once, before the start."""


class ServiceSettings(EnvironmentSettings):
    """What every service can be told."""

    host: Host = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on")
    reuse_port: bool = Field(False, description="Several processes of a service may share PORT (SO_REUSEPORT)")
    telemetry_port: int = Field(0, ge=0, le=65535, description="Port of the Prometheus metrics; 0: none")
    telemetry_host: Host | None = Field(None, description="Address of the Prometheus metrics; not set: HOST")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    access_log: AccessLogged = Field(
        "errors",
        description="Requests that have a line in the log: all, errors (and slow ones), off; metrics have every one",
    )
    access_log_slow_seconds: float = Field(
        1, ge=0, le=3600, description="With `errors`, responses that begin later than that have a line too; 0: none"
    )
    otel_exporter_otlp_endpoint: HttpUrl | None = Field(
        None, description="Where traces go, by OTLP over HTTP; /v1/traces follows it. Not set: no traces"
    )
    otel_exporter_otlp_headers: OtlpHeaders = Field(
        None, description="What the receiver of traces wants besides, such as a key: `name=value,name=value`"
    )
    otel_traces_sampler: SamplerName = Field(
        SamplerName.PARENT_BASED_ALWAYS_ON,
        description="Which requests are traced, by OpenTelemetry's names; `parentbased_…`: as `traceparent` says",
    )
    otel_traces_sampler_arg: float = Field(1, ge=0, le=1, description="Share of requests, for `…traceidratio`")
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


Settings = TypeVar("Settings", bound=ServiceSettings)
Loaded = TypeVar("Loaded", bound=EnvironmentSettings)


def load_settings(settings: type[Loaded], service: str) -> Loaded:
    """The settings of a service, or the end of the process with one line that names the variable."""
    try:
        check_dotenv(DOTENV)
        loaded = settings()
        loaded.check_machine()
    except ValidationError as error:
        stop_for_bad_setting(service, describe(error))
    except (ValueError, SettingsError) as error:
        stop_for_bad_setting(service, str(error))
    return loaded


def describe(error: ValidationError) -> str:
    """`NAME: what is wrong` for each wrong variable, without the values: they may be secrets."""
    faults = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{variable_of(fault['loc'])}: {sentence(fault)}" for fault in faults)


def sentence(fault: ErrorDetails) -> str:
    """What is wrong, in one line."""
    if fault["type"] == "missing":
        return "must be set"
    return " ".join(in_words(fault).split())


def variable_of(location: tuple[int | str, ...]) -> str:
    """The variable that a validation error is about."""
    return str(location[0]).upper() if location else "settings"


def stop_for_bad_setting(service: str, message: str) -> NoReturn:
    """Ends the process with one line on standard error; line ends in it, and the unprintable, as Python writes them."""
    line = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in f"{service}: {message}")
    sys.stderr.write(f"{line}\n")
    raise SystemExit(EXIT_BAD_SETTING)
