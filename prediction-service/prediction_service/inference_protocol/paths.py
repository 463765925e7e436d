"""Parameters in the paths of this protocol."""

from typing import Annotated

from pydantic import Field

Name = Annotated[str, Field(description="A model of `/v2/repository/index`", examples=["sentiment"])]

Version = Annotated[
    str | None, Field(description="Not given: the one that the model's rollout has for this caller", examples=["2.1.0"])
]
