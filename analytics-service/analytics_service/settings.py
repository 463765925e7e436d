"""Every variable of the analytics-service is read here."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, HttpUrl, SecretStr, TypeAdapter

from shared.runtime.settings import ServiceSettings

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


class Settings(ServiceSettings):
    """What the analytics-service can be told."""

    metrics_url: BaseUrl = "http://127.0.0.1:8002"
    metrics_timeout_seconds: float = Field(
        5, gt=0, le=60, description="An answer of the metrics-service takes longer: away"
    )

    redis_host: str = "localhost"
    redis_port: int = Field(6379, ge=1, le=65535)
    redis_db: int = Field(0, ge=0, le=1023)
    redis_password: SecretStr | None = None
    redis_timeout_seconds: float = Field(0.5, gt=0, le=30, description="An answer of Redis takes longer: away")

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
    gemini_input_price: float | None = Field(
        None, ge=0, description="US dollars per million tokens of prompt; not set: the model's list price"
    )
    gemini_output_price: float | None = Field(
        None, ge=0, description="US dollars per million tokens of answer and thoughts; not set: the model's list price"
    )

    gemini_cache_ttl: int = Field(300, ge=1, le=86_400, description="How long a Gemini report is fresh, in seconds")
    gemini_stale_grace: int = Field(
        300, ge=0, le=86_400, description="How long after that it is still answered, STALE, while a new one is made"
    )
    rules_cache_ttl: int = Field(15, ge=1, le=3600, description="How long a rules report is fresh, in seconds")
    analysis_deadline: float = Field(30, ge=1, le=300, description="Nobody waits longer for a report, in seconds")

    admin_token: SecretStr | None = Field(None, description="Needed to see and clear quota and cache; not set: open")
