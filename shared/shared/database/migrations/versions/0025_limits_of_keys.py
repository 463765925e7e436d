"""Limits of keys: requests per window, counted for the key and no longer for the address."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0025"
down_revision = "0024"

SCRIPT = """
ALTER TABLE gateway.api_key ADD COLUMN limits text;
COMMENT ON COLUMN gateway.api_key.limits IS
    'requests per window, as of INGRESS_LIMITS; null: it counts for its address';

-- As in 0024, with limits.
CREATE OR REPLACE FUNCTION gateway.write_key(wanted gateway.api_key, what text, by jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    after gateway.api_key := wanted;
BEGIN
    UPDATE gateway.key_state SET revision = key_state.revision + 1 RETURNING key_state.revision INTO after.revision;
    after.changed_at := clock_timestamp();
    IF what = 'create' THEN
        after.created_at := after.changed_at;
        INSERT INTO gateway.api_key SELECT after.*;
    ELSE
        UPDATE gateway.api_key AS known SET
            name = after.name, prefix = after.prefix, digest = after.digest, old_digest = after.old_digest,
            old_expires_at = after.old_expires_at, rights = after.rights, limits = after.limits,
            expires_at = after.expires_at, note = after.note, changed_at = after.changed_at,
            revoked_at = after.revoked_at, revision = after.revision
            WHERE known.key_id = after.key_id;
    END IF;
    INSERT INTO gateway.api_key_event
        (at, key_id, revision, action, actor, actor_key_id, reason, key, request_id, client_address)
        VALUES (after.changed_at, after.key_id, after.revision, what, by ->> 'actor', (by ->> 'actor_key_id')::uuid,
            by ->> 'reason', gateway.shown_key(after), by ->> 'request_id', by ->> 'client_address');
    PERFORM pg_notify('keys', after.revision::text);
    RETURN gateway.shown_key(after);
END $$;

CREATE OR REPLACE FUNCTION gateway.change_key(id uuid, expected bigint, wanted jsonb, by jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    before gateway.api_key := gateway.changeable_key(id, expected);
    after  gateway.api_key := before;
BEGIN
    IF before.key_id IS NULL THEN
        RETURN NULL;
    END IF;
    after := jsonb_populate_record(before, wanted);
    before.name := after.name;
    before.rights := after.rights;
    before.limits := after.limits;
    before.expires_at := after.expires_at;
    before.note := after.note;
    RETURN gateway.write_key(before, 'change', by);
END $$;
"""


def upgrade() -> None:
    """Adds a column without a value and replaces two functions, whose rights stay; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
