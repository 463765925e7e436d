"""What a model, a version, a task and a baseline may be called: in bodies, paths and folders."""

from typing import Annotated

from pydantic import Field, StringConstraints

ModelName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"), Field(examples=["sentiment"])
]
"""A folder name of the model repository: what can be a folder, a URL segment and a label everywhere."""

TaskType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,49}$")]
"""What a model does, such as `classification`."""

ModelVersion = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$")]
"""A version as it is on record: `X.Y.Z`."""

BaselineName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]
"""What a pinned baseline is called."""

MODEL_BASELINE = "model"
"""The name under which the figures stand that a model's own folder brings (`baseline.json`)."""
