"""The settings of the prediction-service."""

import os
import stat
from pathlib import Path

from pydantic import Field

from prediction_service.models.folders.listing import folders_in
from prediction_service.stored import NeverStored, StoredOf, models_of
from shared.contracts.names import ModelName
from shared.database.urls import DatabaseUrl
from shared.settings.behind_the_gateway import SettingsBehindTheGateway
from shared.settings.secret_words import AdminToken

MOST_NAMES = 10
"""Models that a message lists at most."""


class Settings(SettingsBehindTheGateway):
    """Read from the environment; see `shared.settings.settings` for the order of sources."""

    port: int = Field(8001, ge=1, le=65_535, description="Port to listen on")
    database_url: DatabaseUrl = Field(description="Postgres, as the role prediction_service")
    admin_token: AdminToken = Field(description="Needed to load and unload models")

    models_dir: Path = Field(Path("models"), description="The model repository: <name>/<version>/model.toml")
    default_model: ModelName = Field("sentiment", description="The model of requests that name none")

    model_load_seconds: float = Field(
        30.0, ge=1, le=3600, description="How long a model may take to load and to be tried; then its folder is skipped"
    )
    model_call_seconds: float = Field(
        30.0,
        ge=1,
        le=3600,
        description="A call that takes longer is killed (Python), or makes its model unavailable (503)",
    )
    model_memory_bytes: int = Field(
        1024 * 1024 * 1024,
        ge=64 * 1024 * 1024,
        le=1 << 40,
        description="Memory that a model may take: while it is tried, for its tensors, for each process of its own",
    )

    model_environments_dir: Path = Field(
        Path("model-environments"), description="Environments of Python models, as make model-env makes them"
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

    max_streams: int = Field(
        8, ge=1, le=1000, description="Bodies of CSV or NDJSON that are predicted at a time, half of them of one client"
    )
    stream_disk_bytes: int = Field(
        1024 * 1024 * 1024,
        ge=0,
        le=1 << 40,
        description="Room for lines of streams whose clients do not read yet, below JOURNAL_DIR",
    )

    store_inputs: StoredOf = Field(
        False,
        description="Record what predictions are made from: inputs and texts; of tensors datatype and shape. true, "
        "false or the models of which it is recorded: names with commas between",
    )
    store_text: StoredOf = Field(False, description="The same for models of one text alone")
    never_store: NeverStored = Field(
        (), description="Inputs that are never recorded: model/input with commas between; */input: of every model"
    )
    record_queue_rows: int = Field(
        8192, ge=256, le=1_000_000, description="Predictions that may wait for their commit; beyond: 503 at once"
    )
    journal_dir: Path = Field(Path("journal"), description="Predictions wait here, on disk, while Postgres is away")
    journal_max_bytes: int = Field(
        256 * 1024 * 1024,
        ge=64 * 1024,
        le=1 << 40,
        description="Size of the journal beyond which predictions are refused",
    )

    def check_machine(self) -> None:
        """Raises ValueError when there are no such folders, or no folder of the default model."""
        super().check_machine()
        check_models(self.models_dir, self.default_model)
        for variable in ("store_inputs", "store_text", "never_store"):
            check_named(self.models_dir, variable.upper(), models_of(getattr(self, variable)))
        check_environments(self.model_environments_dir)
        check_writable(self.journal_dir)


def check_models(root: Path, default: str) -> None:
    """Raises ValueError if the default model has no folder. A broken folder is accepted: it may be repaired later."""
    try:
        names = [entry.name for entry in folders_in(root)]
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"MODELS_DIR: there is no folder {root}") from None
    except OSError as error:
        raise ValueError(f"MODELS_DIR: cannot read {root}: {error.strerror}") from error
    if default not in names:
        there = f"there are {', '.join(names[:MOST_NAMES])}" if names else "there is none at all"
        raise ValueError(f"DEFAULT_MODEL: {root} has no model {default}; {there}")


def check_named(root: Path, variable: str, models: frozenset[str]) -> None:
    """Raises ValueError when a setting names a model without a folder: a slip would record nothing, or too much."""
    for name in sorted(models - {entry.name for entry in folders_in(root)}):
        raise ValueError(f"{variable}: {root} has no model {name}")


def check_environments(folder: Path) -> None:
    """It need not be there: then no Python model has an environment yet."""
    try:
        if not stat.S_ISDIR(folder.stat().st_mode):
            raise ValueError(f"MODEL_ENVIRONMENTS_DIR: {folder} is no folder")
    except FileNotFoundError:
        return
    except OSError as error:
        raise ValueError(f"MODEL_ENVIRONMENTS_DIR: cannot look into {folder}: {error.strerror}") from error


def check_writable(folder: Path) -> None:
    """Creates the folder of the journal. Raises ValueError if that fails, or if it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"JOURNAL_DIR: cannot make {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"JOURNAL_DIR: cannot write to {folder}")
