"""Everything the metrics-service can be told."""

from pydantic import Field, SecretStr

from shared.database.urls import DatabaseUrl
from shared.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read from the environment; see `shared.runtime.settings` for the order of sources."""

    database_url: DatabaseUrl = Field(description="Postgres, as the role metrics_service")
    admin_token: SecretStr | None = Field(None, description="Needed to change thresholds; not set: open to all")
