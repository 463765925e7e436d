"""Keys as they are seen and asked for over HTTP."""

import re
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, model_validator

from gateway.keys.models import GivenModels
from gateway.limit.policy_text import parse_limits
from shared.contracts.audit import Name, Reason, check_reason
from shared.contracts.rights import Right
from shared.contracts.window import WindowEnd

MAX_NOTE = 500
MAX_LIMITS = 200
MOST_IN_FLIGHT = 1_000_000

LONGEST_GRACE_SECONDS = 30 * 86_400
"""How long an old key may live beside the new one at most."""

NAME = r"[A-Za-z0-9][A-Za-z0-9._@ -]{0,99}"
"""The pattern of a key's name."""

ID_FORM = re.compile(r"[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}")


def require_name(name: str) -> str:
    """The name. ValueError for one that no key can have."""
    if re.fullmatch(NAME, name) is None:
        raise ValueError(f"{name!r} is the name of no key")
    return require_distinct(name)


def require_distinct(name: str) -> str:
    """The name. ValueError for one that can be mistaken for that of another key, or for its id."""
    if name.endswith(" "):
        raise ValueError("must not end with a space: it would look like the name without it")
    if ID_FORM.fullmatch(name):
        raise ValueError("must not look like the id of a key")
    return name


KeyName = Annotated[
    str,
    StringConstraints(pattern=rf"^{NAME}$"),
    AfterValidator(require_distinct),
    Field(description="Who has it: a service, a person, a customer; no two keys have the same", examples=["checkout"]),
]

Note = Annotated[
    str,
    StringConstraints(max_length=MAX_NOTE),
    AfterValidator(check_reason),
    Field(description="Whatever else is worth knowing"),
]


def require_once(rights: list[Right]) -> list[Right]:
    """The rights, each of them once, in the order of their names. ValueError for one that comes twice."""
    if len(set(rights)) != len(rights):
        raise ValueError("names a right twice")
    return sorted(rights)


GivenRights = Annotated[
    list[Right],
    Field(min_length=1, max_length=len(Right), description="What it is for; `admin` includes the others"),
    AfterValidator(require_once),
]

Expiry = Annotated[
    WindowEnd | None, Field(description="From then on it is refused, by Postgres's clock; null: it does not expire")
]


def require_limits(text: str) -> str:
    """The limits, in the form of INGRESS_LIMITS. ValueError for what is none."""
    return str(parse_limits(text).name)


GivenLimits = Annotated[
    Annotated[str, StringConstraints(max_length=MAX_LIMITS), AfterValidator(require_limits)] | None,
    Field(
        description="Requests or rows per window, over all gateways and addresses, as of INGRESS_LIMITS, perhaps of a "
        "class; null: it counts for the address it comes from",
        examples=["600/60s,100000/86400s"],
    ),
]

GivenInFlight = Annotated[
    Annotated[int, Field(ge=1, le=MOST_IN_FLIGHT)] | None,
    Field(
        description="Most requests in flight at services, over all gateways and addresses; null: no bound of its own"
    ),
]

Why = Annotated[Reason | None, Field(description="Why; for the audit")]
Who = Annotated[Name | None, Field(description="Who, as far as they say; for the audit")]
ReplacedRevision = Annotated[
    int, Field(ge=1, lt=1 << 53, description="Of the key as you have read it: one that is at another is a 409")
]


CHANGEABLE = frozenset({"name", "rights", "models", "limits", "max_in_flight", "expires_at", "note"})
"""What a change may name."""


class Key(BaseModel):
    """A key, but for itself."""

    key_id: UUID
    name: str
    prefix: str = Field(description="How it begins", examples=["msk_Yx3kQz"])
    rights: list[Right]
    models: dict[Right, list[str]] | None = Field(
        None, description="The models that a right is for, where it is not for all; null: all rights are for all models"
    )
    limits: str | None = Field(description="null: it counts for the address it comes from")
    max_in_flight: int | None = Field(None, description="Over all gateways; null: no bound of its own")
    expires_at: datetime | None
    old_expires_at: datetime | None = Field(description="Until when the key before the last rotation lives as well")
    note: str
    created_at: datetime
    changed_at: datetime
    revoked_at: datetime | None = Field(description="Since when it is refused for good")
    last_used_at: datetime | None = Field(description="To the minute; known a minute later")
    revision: int = Field(description="Of its last change; a change names the one that it replaces")


class KeyWithSecret(Key):
    """A key, and itself: never shown again."""

    key: str = Field(
        description="Send it as `Authorization: Bearer …` or as `X-API-Key`. It is shown this once, and kept by nobody",
        examples=["msk_Yx3kQzA0e1f2G3h4I5j6K7l8M9n0O1p2Q3r4S5t6U7v"],
    )


class KeyPage(BaseModel):
    """Keys by name."""

    keys: list[Key]
    next_after: str | None = Field(description="Give it as `after` for the next page; null: there is none")


class NewKey(BaseModel):
    """A key that is wanted."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "checkout", "rights": ["predict", "feedback"]}]}
    )

    name: KeyName
    rights: GivenRights
    models: GivenModels = None
    limits: GivenLimits = None
    max_in_flight: GivenInFlight = None
    expires_at: Expiry = None
    note: Note = ""
    reason: Why = None
    changed_by: Who = None


class KeyChange(BaseModel):
    """What shall be another way; what is not named stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"revision": 1, "rights": ["predict"]}]})

    revision: ReplacedRevision
    name: KeyName | None = None
    rights: GivenRights | None = None
    models: GivenModels = None
    limits: GivenLimits = None
    max_in_flight: GivenInFlight = None
    expires_at: Expiry = None
    note: Note | None = None
    reason: Why = None
    changed_by: Who = None

    @model_validator(mode="after")
    def changes_something(self) -> Self:
        """Raises ValueError unless there is something to change, and for what a key cannot be without."""
        named = self.model_fields_set & CHANGEABLE
        if not named:
            raise ValueError("names nothing to change")
        for field in sorted(named - {"expires_at", "limits", "max_in_flight", "models"}):
            if getattr(self, field) is None:
                raise ValueError(f"{field} cannot be null")
        return self


class KeyRotation(BaseModel):
    """Another key in the place of one."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"revision": 1, "old_lives_seconds": 3600}]}
    )

    revision: ReplacedRevision
    old_lives_seconds: int = Field(
        86_400,
        ge=0,
        le=LONGEST_GRACE_SECONDS,
        description="How long the old one lives beside the new one; 0: no longer",
    )
    reason: Why = None
    changed_by: Who = None


class KeyAction(StrEnum):
    """What was done to a key."""

    CREATE = "create"
    CHANGE = "change"
    ROTATE = "rotate"
    REVOKE = "revoke"


class KeyEvent(BaseModel):
    """A line of the audit."""

    at: datetime
    key_id: UUID
    revision: int = Field(description="The one that began with it")
    action: KeyAction
    actor: str = Field(description="A name that an operator stated, `admin` without one")
    actor_key_id: UUID | None = Field(description="The key that they had; null: the admin token")
    reason: str
    key: Key = Field(description="The key after it")
    request_id: str
    client_address: str = Field(description="The addresses the request passed through, the client's first")


class KeyHistory(BaseModel):
    """Part of the audit, the newest first."""

    events: list[KeyEvent]


class UsedByKey(BaseModel):
    """What a key was used for."""

    requests: int = Field(description="That the key let in, whatever became of them; refused ones among them")
    refused: int = Field(description="Of these, by a limit (429)")
    predict: int = Field(description="Of these, to predict: a batch or a stream is one")
    feedback: int = Field(description="Of these, with feedback: a batch is one")
    reports: int = Field(description="Of these, for reports")
    predictions: int = Field(description="On record, one for each row; also of what was erased or has expired since")


class DayOfKey(UsedByKey):
    """What a key was used for on one day."""

    day: date = Field(description="From midnight to midnight UTC")


class KeyUse(BaseModel):
    """What a key was used for, by day."""

    key_id: UUID
    since: date
    until: date = Field(description="The last day, which may not be over")
    total: UsedByKey
    days: list[DayOfKey] = Field(description="From the earliest on; those without any use are left out")


KEYS = TypeAdapter(list[Key])
DAYS = TypeAdapter(list[DayOfKey])
EVENTS = TypeAdapter(list[KeyEvent])
