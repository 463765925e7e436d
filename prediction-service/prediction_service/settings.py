"""Every variable of the prediction-service is read here."""

from pathlib import Path

from pydantic import Field

from shared.database.urls import DatabaseUrl
from shared.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """What the prediction-service can be told."""

    port: int = Field(8001, ge=1, le=65_535, description="Port to listen on")
    database_url: DatabaseUrl = Field(description="Postgres, for the record of predictions; role `prediction_service`")
    models_dir: Path = Field(Path("models"), description="The model repository: <name>/<version>/model.toml")
    default_model: str | None = Field(None, description="Model of requests that name none; default: the first by name")
    store_text: bool = Field(False, description="Record the texts themselves, not only their length")
    max_waiting_texts: int = Field(2048, ge=1, le=1_000_000, description="Texts that may wait for a model; then 503")
