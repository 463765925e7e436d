"""Everything the metrics-service can be told."""

from typing import Self

from pydantic import Field, SecretStr, model_validator

from shared.database.urls import DatabaseUrl
from shared.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read from the environment; see `shared.runtime.settings` for the order of sources."""

    database_url: DatabaseUrl = Field(description="Postgres, as the role metrics_service")
    admin_token: SecretStr | None = Field(None, description="Needed to change thresholds; not set: open to all")
    retention_days: int = Field(30, ge=2, le=3650, description="How many days raw predictions are kept")
    rollup_retention_days: int = Field(
        90, ge=2, le=3650, description="How many days rollups of minutes are kept; those of hours and days stay"
    )

    @model_validator(mode="after")
    def rollups_outlive_rows(self) -> Self:
        """Raises ValueError when the questions about rows could not be answered from rollups any more."""
        if self.rollup_retention_days < self.retention_days:
            raise ValueError("ROLLUP_RETENTION_DAYS must not be less than RETENTION_DAYS")
        return self
