"""Every variable of the analytics-service is read here."""

import re
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, HttpUrl, SecretStr, TypeAdapter, model_validator

from analytics_service.cache.url import Kind, RedisTarget, redis_target
from shared.settings.behind_the_gateway import SettingsBehindTheGateway
from shared.settings.listen_address import Host
from shared.settings.named_files import check_authorities, check_file, check_pair
from shared.settings.proxies import check_proxies
from shared.settings.secret_words import AdminToken

Sdk = Literal["google-generativeai", "google-genai"]
"""Google's two Python clients for Gemini: the one the product was specified with, and its maintained successor."""


http_url = TypeAdapter(HttpUrl)


def base_address(url: str) -> str:
    """An address to which paths are appended as they are; ValueError when it is no http(s) URL."""
    return str(http_url.validate_python(url)).rstrip("/")


BaseUrl = Annotated[str, AfterValidator(base_address)]


def one_word(secret: SecretStr | None) -> SecretStr | None:
    """A key without what copying and pasting leaves around it; ValueError when that is not all."""
    key = secret.get_secret_value().strip().strip("\ufeff\u200b") if secret else ""
    if not key:
        return None
    if not re.fullmatch(r"[!#-&(-~]+", key):
        raise ValueError("must be one word: there are spaces, quotes or other characters in it that no key has")
    return SecretStr(key)


ApiKey = Annotated[SecretStr | None, AfterValidator(one_word)]


def usable_redis_url(url: SecretStr | None) -> SecretStr | None:
    """Raises ValueError unless it is one of the forms of REDIS_URL."""
    if url is not None:
        redis_target(url.get_secret_value())
    return url


RedisUrl = Annotated[SecretStr | None, AfterValidator(usable_redis_url)]


def authorities(path: Path) -> Path:
    """Raises ValueError for a file without certificates."""
    check_authorities(path)
    return path


def plain_file(path: Path) -> Path:
    """Raises ValueError for a file that this process cannot read."""
    check_file(path)
    return path


def without_control_characters(secret: SecretStr) -> SecretStr:
    """Raises ValueError for a password that no server could have."""
    if any(unicodedata.category(sign) == "Cc" for sign in secret.get_secret_value()):
        raise ValueError("has a control character in it")
    return secret


AuthoritiesFile = Annotated[Path, AfterValidator(authorities)]
PlainFile = Annotated[Path, AfterValidator(plain_file)]
Password = Annotated[SecretStr, AfterValidator(without_control_characters)]


class Settings(SettingsBehindTheGateway):
    """What the analytics-service can be told."""

    access_log_slow_seconds: float = Field(
        15, ge=0, le=3600, description="As of the others, but a report of Gemini's takes its time: a call may take 10 s"
    )

    metrics_url: BaseUrl = "http://127.0.0.1:8002"
    metrics_timeout_seconds: float = Field(
        5, gt=0, le=60, description="An answer of the metrics-service takes longer: away"
    )

    redis_url: RedisUrl = Field(
        None,
        description="Any Redis: with TLS, sentinels, a cluster; REDIS_HOST, _PORT and _DB then do not count",
    )
    redis_host: Host = "localhost"
    redis_port: int = Field(6379, ge=1, le=65535)
    redis_db: int = Field(0, ge=0, le=1023)
    redis_username: str | None = Field(None, description="Redis user, where REDIS_URL names none")
    redis_password: Password | None = Field(None, description="Redis password, where REDIS_URL has none")
    redis_password_file: Path | None = Field(
        None, description="The password in a file, which is read anew for each connection: it can be changed there"
    )
    redis_sentinel_password: Password | None = Field(None, description="Password of the sentinels themselves")
    redis_tls_ca_file: AuthoritiesFile | None = Field(
        None, description="PEM file of who signed Redis's certificate; not set: whom the system trusts"
    )
    redis_tls_certificate_file: PlainFile | None = Field(
        None, description="PEM file of the certificate to show to Redis"
    )
    redis_tls_key_file: PlainFile | None = Field(None, description="PEM file of its key")
    redis_timeout_seconds: float = Field(0.5, gt=0, le=30, description="An answer of Redis takes longer: away")
    redis_report_bytes: int = Field(
        16_777_216, ge=1_048_576, le=17_179_869_184, description="Room for reports in Redis; the oldest leave first"
    )

    gemini_api_key: ApiKey = Field(None, description="Not set: every report is made by rules")
    gemini_model: str = Field("gemini-2.5-flash-lite", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    gemini_sdk: Sdk = "google-generativeai"
    gemini_api_endpoint: BaseUrl | None = Field(None, description="Another address that speaks Gemini's wire format")
    gemini_temperature: float = Field(0.3, ge=0, le=2)
    gemini_max_tokens: int = Field(1024, ge=128, le=65_536, description="Longest answer, in tokens")
    gemini_thinking_budget: int | None = Field(
        None,
        ge=-1,
        le=32_768,
        description="Tokens of thought before an answer; 0: none, -1: as it likes, not set: the model's default",
    )
    gemini_timeout_seconds: float = Field(10, gt=0, le=120, description="Deadline of one call")
    gemini_rate_limit: int = Field(10, ge=1, le=100_000, description="Calls per minute over all replicas, retries too")
    gemini_client_share: float = Field(
        0.5, gt=0, le=1, description="Part of GEMINI_RATE_LIMIT that one client may use; one call at least"
    )
    gemini_input_price: float | None = Field(
        None, ge=0, le=1_000_000, description="US dollars per million tokens of prompt; not set: the model's list price"
    )
    gemini_output_price: float | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="US dollars per million tokens of answer and thoughts; not set: the model's list price",
    )

    gemini_cache_ttl: int = Field(300, ge=1, le=86_400, description="How long a Gemini report is fresh, in seconds")
    gemini_stale_grace: int = Field(
        300, ge=0, le=86_400, description="How long after that it is still answered, STALE, while a new one is made"
    )
    rules_cache_ttl: int = Field(15, ge=1, le=3600, description="How long a rules report is fresh, in seconds")
    analysis_deadline: float = Field(30, ge=1, le=300, description="Nobody waits longer for a report, in seconds")

    admin_token: AdminToken = Field(description="Needed to see and clear quota and cache")

    @property
    def redis_target(self) -> RedisTarget:
        """Which Redis: that of REDIS_URL, else of REDIS_HOST and its like; REDIS_PASSWORD serves both."""
        given = self.redis_url
        target = (
            redis_target(given.get_secret_value())
            if given
            else RedisTarget(Kind.SINGLE, ((self.redis_host, self.redis_port),), database=self.redis_db)
        )
        password = self.redis_password.get_secret_value() if self.redis_password else None
        return replace(target, username=target.username or self.redis_username, password=target.password or password)

    @property
    def password_file(self) -> Path | None:
        """Where the password of Redis is read anew; None: REDIS_URL has it, or no file does."""
        in_url = self.redis_url is not None and redis_target(self.redis_url.get_secret_value()).password is not None
        return None if in_url else self.redis_password_file

    @model_validator(mode="after")
    def proxies_can_be_used(self) -> Self:
        """Raises ValueError for a proxy in the environment through which Gemini could not be called."""
        if self.gemini_api_key:
            check_proxies()
        return self

    @model_validator(mode="after")
    def certificates_are_used(self) -> Self:
        """Raises ValueError for certificates that no connection would use, and for one half of a pair."""
        files = (self.redis_tls_ca_file, self.redis_tls_certificate_file, self.redis_tls_key_file)
        if any(files) and not self.redis_target.tls:
            raise ValueError("REDIS_TLS_…_FILE needs REDIS_URL to begin with rediss")
        if bool(self.redis_tls_certificate_file) != bool(self.redis_tls_key_file):
            raise ValueError("REDIS_TLS_CERTIFICATE_FILE and REDIS_TLS_KEY_FILE belong together")
        if self.redis_tls_certificate_file and self.redis_tls_key_file:
            try:
                check_pair(self.redis_tls_certificate_file, self.redis_tls_key_file, "")
            except ValueError as error:
                raise ValueError(f"REDIS_TLS_CERTIFICATE_FILE and REDIS_TLS_KEY_FILE {error}") from error
        return self
