"""What the role of a Postgres of one's own may do there, and what its administrator types when that is too little.

Each service has a role of its own, with what it needs (the migrations grant that). A role that all of them share must
be allowed whatever these are: as their member, as the owner of the tables, or by grants of its own.
"""

from dataclasses import dataclass

import asyncpg

from shared.database.schema_version import NEWEST_REVISION, REVISION_QUERY
from shared.database.service_roles import SERVICE_ROLES
from shared.database.sql import load_sql

ROLE_FACTS, LACKING_RIGHTS = load_sql(__package__, "role_facts"), load_sql(__package__, "lacking_rights")


@dataclass(frozen=True)
class Rights:
    """What one role may do in one database; its name is quoted as SQL wants it."""

    role: str
    missing_roles: list[str]
    """Service roles that nobody has made yet."""
    lacking: list[str]
    """Service roles that may do what this role may not."""
    may_make_roles: bool
    may_make_tables: bool
    revision: str | None
    """Of the schema; None: there is none, or this role may not read it."""
    is_migrated: bool
    """Whether there is a schema at all."""

    @property
    def is_new(self) -> bool:
        """Whether the schema is known to need no migration."""
        return self.revision is not None and self.revision >= NEWEST_REVISION

    @property
    def is_unreadable(self) -> bool:
        """Whether there is a schema whose revision this role may not see."""
        return self.is_migrated and self.revision is None and bool(self.lacking)

    @property
    def grant(self) -> str:
        """The statement that makes the role a member of all that it is not."""
        return f"GRANT {', '.join(self.lacking or SERVICE_ROLES)} TO {self.role};"

    def advice(self) -> str:
        """What an administrator of that Postgres has to do before this role may migrate, or need not."""
        if self.missing_roles and not self.may_make_roles and self.may_make_tables and not self.is_migrated:
            made = " ".join(f"CREATE ROLE {role} NOLOGIN;" for role in self.missing_roles)
            return f"let an administrator run once: {made} It does the rest itself then"
        return (
            "let an administrator run once, with a DATABASE_URL of its own to this database: "
            f".venv/bin/python -m shared.database.migrate; and in it, unless that is done: {self.grant}"
        )


async def rights_in(connection: asyncpg.Connection) -> Rights:
    """The rights of the role that is connected."""
    facts = await connection.fetchrow(ROLE_FACTS, SERVICE_ROLES)
    if facts is None:
        raise asyncpg.InvalidAuthorizationSpecificationError("the role is gone")
    lacking = {row[0] for row in await connection.fetch(LACKING_RIGHTS, SERVICE_ROLES)}
    return Rights(
        role=facts["role"],
        missing_roles=[role for role in SERVICE_ROLES if role not in facts["service_roles"]],
        lacking=[role for role in SERVICE_ROLES if role in lacking],
        may_make_roles=facts["may_make_roles"],
        may_make_tables=facts["may_make_tables"],
        revision=await connection.fetchval(REVISION_QUERY) if facts["may_read_revision"] else None,
        is_migrated=facts["is_migrated"],
    )
