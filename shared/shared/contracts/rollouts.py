"""Who gets which version of a model: the policy, its changes, and what is on the audit of them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.contracts.audit import Name, Reason
from shared.contracts.guards import Guards
from shared.contracts.names import ModelName, ModelVersion

CALLER = "caller"
"""Sticky by caller."""

HEADER_PREFIX = "header:"
"""Sticky by the header whose name follows."""

MAX_STEPS = 20


class RolloutMode(StrEnum):
    """What requests get that name no version."""

    NEWEST = "newest"
    """The newest version that is loaded."""
    PINNED = "pinned"
    """The stable version."""
    SHADOW = "shadow"
    """The stable version; the candidate computes a share of them besides, for nobody."""
    CANARY = "canary"
    """The stable version, but for a share of them that get the candidate."""


Share = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False, description="Percent of the requests")]

ReplacedRevision = Annotated[
    int, Field(ge=0, lt=1 << 53, description="Of the policy that this replaces: another one in force is a 409")
]

Sticky = Annotated[
    str,
    StringConstraints(pattern=r"^(caller|header:[A-Za-z][A-Za-z0-9-]{0,63})$"),
    Field(
        description="What requests must have in common to get the same version: `caller`, or `header:<name>`; "
        "one without that header counts by its caller. In `shadow` each request counts by itself, unless it has that "
        "header"
    ),
]


class RolloutStep(BaseModel):
    """A stretch of a schedule."""

    model_config = ConfigDict(extra="forbid")

    share: Share
    minutes: float | None = Field(
        None, gt=0, le=43_200, allow_inf_nan=False, description="How long; null: until somebody changes it"
    )


class Policy(BaseModel):
    """What an operator decides."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    mode: RolloutMode
    stable_version: ModelVersion | None = Field(None, description="null with `newest`, else needed")
    candidate_version: ModelVersion | None = Field(None, description="Needed with `shadow` and `canary`, else null")
    share: Share = Field(0, description="Percent of the requests that the candidate computes")
    sticky: Sticky = CALLER
    steps: list[RolloutStep] | None = Field(
        None, min_length=1, max_length=MAX_STEPS, description="Schedule of a canary: shares that grow by themselves"
    )
    guards: Guards | None = Field(None, description="null: the defaults")
    promote_by_itself: bool = Field(
        False,
        description="Whether the candidate becomes stable when it has proved itself, without anybody's word; the last "
        "share must leave the stable version some requests, to compare with",
    )


class Rollout(Policy):
    """A policy in force, as it is stored. Without a stored one: `newest`, revision 0."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    model_name: ModelName
    revision: int = Field(0, ge=0, description="Grows by one with each change; a change names the one it replaces")
    step: int | None = Field(None, description="Which of `steps` is in force, the first is 0")
    step_started_at: datetime | None = None
    started_at: datetime | None = Field(
        None, description="Since when there is this candidate beside this stable version"
    )
    changed_at: datetime | None = None


class RolloutChange(Policy):
    """A policy in the place of another."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"revision": 0, "mode": "pinned", "stable_version": "2.1.0", "reason": "before the next one comes"}
            ]
        }
    )

    revision: ReplacedRevision
    reason: Reason
    changed_by: Name | None = Field(None, description="Who, as far as they say; for the audit")


class RolloutEnd(BaseModel):
    """The end of a rollout, by promotion or by going back."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"revision": 1, "reason": "a day without a complaint"}]}
    )

    revision: ReplacedRevision
    reason: Reason
    changed_by: Name | None = Field(None, description="Who, as far as they say; for the audit")


class RolloutAction(StrEnum):
    """What was done to a policy."""

    SET = "set"
    STEP = "step"
    PROMOTE = "promote"
    ROLLBACK = "rollback"


class RolloutEvent(BaseModel):
    """A line of the audit."""

    at: datetime
    revision: int = Field(description="The one that began with it")
    actor: str = Field(
        description="A name that an operator stated, `admin` without one; "
        "`guard`, `schedule`, or `service` when the candidate could not be served any more"
    )
    action: RolloutAction
    reason: str
    policy: Rollout = Field(description="The whole policy after it")
    request_id: str
    client_address: str = Field(description="The addresses the request passed through, the client's first")
    actor_key_id: UUID | None = Field(
        None, description="Of the key they had; null: the admin token, or nobody asked for it"
    )
