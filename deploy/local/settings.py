"""What `make run` itself can be told; every other variable is passed on to the services."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class LocalSettings(BaseSettings):
    """Where the stack lives and where it listens."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    host: str = Field("127.0.0.1", description="Address of the gateway; everything else stays on 127.0.0.1")
    port: int = Field(8000, ge=1, le=65_535, description="Port of the gateway")
    local_dir: Path = Field(Path(".local"), description="Folder of the data, over restarts")
    models_dir: Path = Field(Path("models"), description="The model repository")
    log_format: Literal["json", "console"] = "console"
