"""Rights for some models only, in a column of their own.

So a gateway of an older release, which does not know them, does not grant them for all.
"""

from alembic import op

from shared.database.sql_script import run_script

revision = "0031"
down_revision = "0030"

SCRIPT = """
ALTER TABLE gateway.api_key ADD COLUMN models jsonb;
COMMENT ON COLUMN gateway.api_key.models IS
    'further rights, each with the models that it is for; null: there are none';
COMMENT ON COLUMN gateway.api_key.rights IS 'predict, read, feedback, analyze, admin: those for all models';

-- As in 0024; in `rights` all of them.
CREATE OR REPLACE FUNCTION gateway.shown_key(key gateway.api_key) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT to_jsonb(key) - '{digest,old_digest}'::text[] || jsonb_build_object('rights', (
        SELECT coalesce(jsonb_agg(name ORDER BY name), '[]') FROM (
            SELECT unnest(key.rights) UNION SELECT jsonb_object_keys(key.models)
        ) AS held (name)
    ))
$$;

-- As in 0030, with models.
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
            old_expires_at = after.old_expires_at, rights = after.rights, models = after.models,
            limits = after.limits, max_in_flight = after.max_in_flight, expires_at = after.expires_at,
            note = after.note, changed_at = after.changed_at, revoked_at = after.revoked_at, revision = after.revision
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
    before.models := after.models;
    before.limits := after.limits;
    before.max_in_flight := after.max_in_flight;
    before.expires_at := after.expires_at;
    before.note := after.note;
    RETURN gateway.write_key(before, 'change', by);
END $$;
"""


def upgrade() -> None:
    """Adds a column without a value and replaces three functions, whose rights stay; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
