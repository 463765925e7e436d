"""The audit trail of baselines, silences and erased predictions; thresholds have one of their own, with more in it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from metrics_service.database import autocommit
from shared.database.tables.metrics import audit


@dataclass(frozen=True, slots=True)
class ChangedBy:
    """Who changes something, as far as a request tells."""

    request_id: str
    client_address: str
    actor_key_id: UUID | None = None
    """Of the key it came with; None: the admin token, or nobody asked."""


class Subject(StrEnum):
    """What was changed."""

    BASELINE = "baseline"
    SILENCE = "silence"
    RECORD = "record"


class AuditedAct(BaseModel):
    """One line of the trail."""

    model_config = ConfigDict(protected_namespaces=())

    subject: Subject
    action: str
    model_name: str | None = Field(description="null: every model")
    detail: dict[str, Any]
    changed_at: datetime
    request_id: str
    client_address: str = Field(description="The addresses the request passed through, the client's first")
    actor_key_id: UUID | None = Field(None, description="Of the key they had; null: the admin token")


async def note(
    connection: AsyncConnection,
    subject: Subject,
    action: str,
    model_name: str | None,
    detail: Mapping[str, Any],
    changed_by: ChangedBy,
) -> None:
    """Adds a line, in the caller's transaction."""
    line = {"subject": subject, "action": action, "model_name": model_name, "detail": dict(detail)}
    await connection.execute(insert(audit).values(**line, **asdict(changed_by)))


async def acts(engine: AsyncEngine, subject: Subject | None, limit: int) -> list[AuditedAct]:
    """The newest lines."""
    query = select(audit).order_by(audit.c.change_id.desc()).limit(limit)
    if subject is not None:
        query = query.where(audit.c.subject == subject)
    async with autocommit(engine) as connection:
        return [AuditedAct.model_validate(dict(row)) for row in (await connection.execute(query)).mappings()]
