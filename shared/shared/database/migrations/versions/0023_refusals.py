"""How many requests gateways have refused, by minute and reason, for a month."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0023"
down_revision = "0022"

SCRIPT = """
-- A row holds the whole number of one gateway process, so to write it again does no harm.
CREATE TABLE gateway.refusal (
    minute   timestamptz NOT NULL,
    gateway  uuid        NOT NULL,
    reason   text        NOT NULL,
    requests bigint      NOT NULL,
    PRIMARY KEY (minute, gateway, reason)
);
COMMENT ON COLUMN gateway.refusal.gateway IS 'a process, from its start to its end';
GRANT SELECT, INSERT, UPDATE, DELETE ON gateway.refusal TO gateway;
"""


def upgrade() -> None:
    """An empty table beside the other; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
