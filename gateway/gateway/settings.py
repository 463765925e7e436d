"""Every variable of the gateway is read here."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode

from gateway.keys.contracts import require_name
from gateway.keys.ring import WithoutDatabase
from gateway.limit.policy_text import parse_limits, parse_plain_limits
from gateway.limit.window import Policy
from gateway.proxy.address import Address
from gateway.request.access import Anonymous
from gateway.request.identity import TAKEN_HEADERS, identity_keys_of
from gateway.request.origins import EVERYBODY, pattern_of
from gateway.request.public_prefix import require_prefix
from shared.database.urls import DatabaseUrl
from shared.http.server.host import host_name
from shared.settings.listed_names import Words
from shared.settings.secret_words import AdminToken
from shared.settings.settings import AccessLogged, ServiceSettings

OFF = "off"
"""Of INGRESS_LIMITS: addresses are not counted."""


def parse_networks(text: Any) -> Any:
    """`10.0.0.0/8, 2001:db8::/32`: a tuple of networks; empty: none. ValueError for what is no network."""
    if not isinstance(text, str):
        return text
    return tuple(ip_network(item.strip()) for item in text.split(",") if item.strip())


def require_address(text: str) -> str:
    """The address of an upstream. ValueError for what is none."""
    Address.of(text)
    return text


def parse_ingress_limits(text: Any) -> Any:
    """As `parse_limits`; `off`: None, there is none."""
    return None if isinstance(text, str) and text.strip() == OFF else parse_limits(text)


PlainLimits = Annotated[Policy, NoDecode, BeforeValidator(parse_plain_limits)]
IngressLimits = Annotated[Policy | None, NoDecode, BeforeValidator(parse_ingress_limits)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(parse_networks)]
UpstreamUrl = Annotated[str, AfterValidator(require_address)]


def require_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    """The origins. ValueError for what is none."""
    for origin in origins:
        scheme, separator, host = origin.partition("://")
        if scheme not in {"http", "https"} or not separator or host_name(host.encode()) is None:
            raise ValueError(f"{origin!r} is no origin such as https://example.org")
    return tuple(map(str.lower, origins))


Origins = Annotated[Words, AfterValidator(require_origins)]


def require_patterns(origins: tuple[str, ...]) -> tuple[str, ...]:
    """The origins and patterns of origins. ValueError for what is none."""
    for origin in origins:
        pattern_of(origin)
    return origins


CorsOrigins = Annotated[Words, AfterValidator(require_patterns)]


def require_header(name: str) -> str:
    """The header's name in lower case; empty: none. ValueError for what cannot be one, or means something else."""
    name = name.strip().lower()
    if name and (HEADER_NAME.fullmatch(name) is None or name in TAKEN_HEADERS):
        raise ValueError("is no header for identities, such as X-Auth-Request-Email")
    return name


def require_table(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The lines. ValueError for what is no line of the table."""
    for name in identity_keys_of(lines).values():
        require_name(name)
    return lines


HEADER_NAME = re.compile(r"[a-z0-9-]{1,64}")
HeaderName = Annotated[str, AfterValidator(require_header)]
IdentityKeys = Annotated[Words, AfterValidator(require_table)]
RootPath = Annotated[str, AfterValidator(require_prefix)]


class Settings(ServiceSettings):
    """What the gateway can be told."""

    emphatic: ClassVar[frozenset[str]] = frozenset({"ingress_limits", "wrong_token_limits"})

    access_log: AccessLogged = Field(
        "all", description="As of the services, but by default all: every request comes by here"
    )

    database_url: DatabaseUrl = Field(description="Postgres, for the ingress limit and keys; role `gateway`")
    prediction_url: UpstreamUrl = Field(
        "http://127.0.0.1:8001", description="Where the service listens: http://…, or unix:/path/of/its.sock"
    )
    metrics_url: UpstreamUrl = Field("http://127.0.0.1:8002", description="The same of the metrics-service")
    analytics_url: UpstreamUrl = Field("http://127.0.0.1:8003", description="The same of the analytics-service")

    admin_token: AdminToken = Field(description="The first key, which may do everything")
    anonymous: Anonymous = Field(
        Anonymous.ALLOW, description="What callers without a key may do: allow (as ever), predict, deny (nothing)"
    )
    keys_known_seconds: float = Field(
        300, ge=1, le=604_800, description="How long keys go on as they were known last while Postgres is away"
    )
    keys_without_database: WithoutDatabase = Field(
        WithoutDatabase.LAST, description="What becomes of them after that: last (they go on), deny (503)"
    )

    ingress_limits: IngressLimits = Field(
        "60/60s",
        validate_default=True,
        description="Requests per window and client, perhaps of a class (read:600/60s); off: none but those of keys",
    )
    ingress_exempt: Networks = Field((), description="Networks whose addresses have no ingress limit; keys keep theirs")
    ingress_dry_run: bool = Field(
        False, description="Whether the ingress limit only counts, and says whom it would have refused"
    )
    wrong_token_limits: PlainLimits = Field(
        "20/60s", validate_default=True, description="Wrong tokens per window, client and gateway; beyond: 429"
    )
    trusted_proxies: Networks = Field((), description="Networks whose X-Forwarded-For is believed")

    identity_header: HeaderName = Field(
        "", description="Header in which trusted proxies say who is signed in, such as X-Auth-Request-Email"
    )
    identity_keys: IdentityKeys = Field(
        (), description="Who has the rights and limits of which key: alice@example.org=analysts,*@example.org=staff"
    )

    allowed_origins: Origins = Field((), description="Further origins whose pages may send what changes something")
    cors_origins: CorsOrigins = Field(
        (), description="Origins whose pages may ask and read: https://app.example, https://*.example.org, or *"
    )
    cors_credentials: bool = Field(False, description="Whether these pages may ask with cookies; not with *")
    root_path: RootPath = Field("", description="Path below which a proxy serves the gateway, such as /ml")

    max_connections_per_client: int = Field(
        512,
        ge=1,
        le=1_000_000,
        description="Of one process; more: 503, or closed at once. Trusted proxies are not counted",
    )
    max_requests_per_client: int = Field(
        256, ge=1, le=1_000_000, description="In flight, of one process; more are refused with 429"
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, le=1_073_741_824, description="Larger bodies are refused with 413")
    max_batch_body_bytes: int = Field(
        12_582_912, ge=1024, le=1_073_741_824, description="The same for /predict/batch and inference by /v2"
    )
    body_timeout_seconds: float = Field(20, gt=0, le=600, description="A body must have arrived by then, else 408")
    upstream_timeout_seconds: float = Field(40, gt=0, le=600, description="An answer must have begun by then, else 504")
    upstream_max_in_flight: int = Field(1024, ge=1, le=100_000, description="Per upstream; more are refused with 503")
    upstream_wait_seconds: float = Field(
        0,
        ge=0,
        le=60,
        description="How long a request waits for a service that nobody serves, as in a restart; else 502",
    )

    @model_validator(mode="after")
    def credentials_are_not_for_everybody(self) -> Self:
        """Raises ValueError where any page on the web could ask in its visitor's name."""
        if self.cors_credentials and EVERYBODY in self.cors_origins:
            raise ValueError("CORS_CREDENTIALS: cannot be true with CORS_ORIGINS=*")
        return self

    @model_validator(mode="after")
    def identities_come_from_somebody(self) -> Self:
        """Raises ValueError for half of what belongs together."""
        if bool(self.identity_header) != bool(self.identity_keys):
            raise ValueError("IDENTITY_HEADER and IDENTITY_KEYS: each is nothing without the other")
        if self.identity_header and not self.trusted_proxies:
            raise ValueError("IDENTITY_HEADER: nobody is believed without TRUSTED_PROXIES")
        return self
