"""Everything the prediction-service can be told."""

from pathlib import Path

from pydantic import Field, SecretStr

from shared.contracts.metrics import ModelName
from shared.database.urls import DatabaseUrl
from shared.runtime.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read from the environment; see `shared.runtime.settings` for the order of sources."""

    port: int = Field(8001, ge=1, le=65_535, description="Port to listen on")
    database_url: DatabaseUrl = Field(description="Postgres, as the role prediction_service")
    admin_token: SecretStr | None = Field(None, description="Needed to load and unload models; not set: open to all")

    models_dir: Path = Field(Path("models"), description="The model repository: <name>/<version>/model.toml")
    default_model: ModelName = Field("sentiment", description="The model of requests that name none")

    model_load_seconds: float = Field(
        30.0, ge=1, le=3600, description="How long a model may take to load and to be tried; then its folder is skipped"
    )
    model_call_seconds: float = Field(
        30.0, ge=1, le=3600, description="A call of a model that takes longer makes that model unavailable (503)"
    )
    model_memory_bytes: int = Field(
        1024 * 1024 * 1024,
        ge=64 * 1024 * 1024,
        le=1 << 40,
        description="Memory that a model may take, while it is tried and for its tensors while it serves",
    )

    queue_rows: int = Field(
        1024,
        ge=256,
        le=1_000_000,
        description="Texts that may wait for one model, and as many again of small requests; beyond: 503 at once",
    )
    prediction_timeout_seconds: float = Field(
        30.0, gt=0, le=300, description="How long a request may wait for its model; then it is not computed any more"
    )

    store_text: bool = Field(False, description="Record the texts themselves, not only their length")
    record_queue_rows: int = Field(
        8192, ge=256, le=1_000_000, description="Predictions that may wait for their commit; beyond: 503 at once"
    )
    journal_dir: Path = Field(Path("journal"), description="Predictions wait here, on disk, while Postgres is away")
    journal_max_bytes: int = Field(
        256 * 1024 * 1024, ge=64 * 1024, description="Size of the journal beyond which predictions are refused"
    )
