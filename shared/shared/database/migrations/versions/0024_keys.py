"""Keys: who calls and what they may, changed by functions alone, which also write the audit and tell all gateways."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0024"
down_revision = "0023"

TABLES = """
-- One row. Whoever changes a key locks it first: so changes are committed in the order of their revisions, and who has
-- seen one has seen all before it. `history` tells a restored database from the one that was there before.
CREATE TABLE gateway.key_state (
    only_row boolean PRIMARY KEY DEFAULT true,
    history  uuid    NOT NULL DEFAULT gen_random_uuid(),
    revision bigint  NOT NULL,
    CONSTRAINT key_state_only_row_check CHECK (only_row)
);
COMMENT ON COLUMN gateway.key_state.revision IS 'that of the last change of any key';
INSERT INTO gateway.key_state (revision) VALUES (0);

-- No key is here: of each there is a SHA-256 of its text, of which 32 bytes are random.
CREATE TABLE gateway.api_key (
    key_id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    name           text        NOT NULL,
    prefix         text        NOT NULL,
    digest         bytea       NOT NULL,
    old_digest     bytea,
    old_expires_at timestamptz,
    rights         text[]      NOT NULL,
    expires_at     timestamptz,
    note           text        NOT NULL,
    created_at     timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL,
    revoked_at     timestamptz,
    last_used_at   timestamptz,
    revision       bigint      NOT NULL,
    CONSTRAINT api_key_digest_check CHECK (octet_length(digest) = 32 AND octet_length(old_digest) = 32),
    CONSTRAINT api_key_old_check CHECK ((old_digest IS NULL) = (old_expires_at IS NULL))
) WITH (fillfactor = 80);  -- room for the next version of a row on the same page: being used touches no index
COMMENT ON COLUMN gateway.api_key.prefix IS 'how the key begins, so that people can tell theirs';
COMMENT ON COLUMN gateway.api_key.digest IS 'SHA-256 of the key';
COMMENT ON COLUMN gateway.api_key.old_digest IS 'that of the key before the last rotation, while it lives';
COMMENT ON COLUMN gateway.api_key.rights IS 'predict, read, feedback, analyze, admin';
COMMENT ON COLUMN gateway.api_key.revoked_at IS 'since when it is refused for good; the row stays for its name';
COMMENT ON COLUMN gateway.api_key.last_used_at IS 'to the minute';
COMMENT ON COLUMN gateway.api_key.revision IS 'of gateway.key_state, at the last change of this key';
CREATE UNIQUE INDEX api_key_revision_key ON gateway.api_key (revision);
CREATE UNIQUE INDEX api_key_name_key ON gateway.api_key (name) WHERE revoked_at IS NULL;
GRANT SELECT ON gateway.key_state, gateway.api_key TO gateway;

-- Every change of every key; nobody may change or delete a row.
CREATE TABLE gateway.api_key_event (
    event_id       bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at             timestamptz NOT NULL,
    key_id         uuid        NOT NULL,
    revision       bigint      NOT NULL,
    action         text        NOT NULL,
    actor          text        NOT NULL,
    actor_key_id   uuid,
    reason         text        NOT NULL,
    key            jsonb       NOT NULL,
    request_id     text        NOT NULL,
    client_address text        NOT NULL
);
COMMENT ON COLUMN gateway.api_key_event.action IS 'create, change, rotate or revoke';
COMMENT ON COLUMN gateway.api_key_event.actor IS 'the name that an operator states, admin without one';
COMMENT ON COLUMN gateway.api_key_event.actor_key_id IS 'the key they had; null: the admin token';
COMMENT ON COLUMN gateway.api_key_event.key IS 'the key after it, without its digests';
COMMENT ON COLUMN gateway.api_key_event.client_address IS 'X-Forwarded-For, and the peer';
CREATE INDEX api_key_event_key_id_event_id_idx ON gateway.api_key_event (key_id, event_id);
GRANT SELECT ON gateway.api_key_event TO gateway;
"""

CHANGES = """
CREATE FUNCTION gateway.shown_key(key gateway.api_key) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = '' AS $$
    SELECT to_jsonb(key) - '{digest,old_digest}'::text[]
$$;

-- The only way a key changes: with its line in the audit, and word to all gateways, or not at all. `by`: actor,
-- actor_key_id, reason, request_id, client_address.
CREATE FUNCTION gateway.write_key(wanted gateway.api_key, what text, by jsonb) RETURNS jsonb
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
            old_expires_at = after.old_expires_at, rights = after.rights, expires_at = after.expires_at,
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

-- `wanted`: name, prefix, rights, expires_at, note. Raises program_limit_exceeded when there are `at_most` keys.
CREATE FUNCTION gateway.create_key(wanted jsonb, secret bytea, at_most integer, by jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    key gateway.api_key := jsonb_populate_record(NULL::gateway.api_key, wanted);
BEGIN
    PERFORM FROM gateway.key_state FOR UPDATE;
    IF (SELECT count(*) FROM gateway.api_key WHERE revoked_at IS NULL) >= at_most THEN
        RAISE program_limit_exceeded USING MESSAGE = 'too many keys';
    END IF;
    key.key_id := gen_random_uuid();
    key.digest := secret;
    RETURN gateway.write_key(key, 'create', by);
END $$;

-- A key that may be changed: it is there, not revoked, and at the revision that the change replaces. Else null.
CREATE FUNCTION gateway.changeable_key(id uuid, expected bigint) RETURNS gateway.api_key
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    key gateway.api_key;
BEGIN
    PERFORM FROM gateway.key_state FOR UPDATE;
    SELECT * INTO key FROM gateway.api_key
        WHERE key_id = id AND revision = expected AND revoked_at IS NULL FOR UPDATE;
    RETURN key;
END $$;

-- What `wanted` names takes the place of what was there; null when the key has been changed meanwhile.
CREATE FUNCTION gateway.change_key(id uuid, expected bigint, wanted jsonb, by jsonb) RETURNS jsonb
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
    before.expires_at := after.expires_at;
    before.note := after.note;
    RETURN gateway.write_key(before, 'change', by);
END $$;

-- Another secret under the same id; the one before lives for so many seconds more, one before that no longer.
CREATE FUNCTION gateway.rotate_key(
    id uuid, expected bigint, its_prefix text, secret bytea, old_lives_seconds integer, by jsonb
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    key gateway.api_key := gateway.changeable_key(id, expected);
BEGIN
    IF key.key_id IS NULL THEN
        RETURN NULL;
    END IF;
    key.old_digest := CASE WHEN old_lives_seconds > 0 THEN key.digest END;
    key.old_expires_at := CASE WHEN old_lives_seconds > 0
        THEN clock_timestamp() + old_lives_seconds * interval '1 second' END;
    key.digest := secret;
    key.prefix := its_prefix;
    RETURN gateway.write_key(key, 'rotate', by);
END $$;

-- Whatever revision it is at: nobody should have to read before a lost key is refused. Null: there is none, or it is
-- revoked already.
CREATE FUNCTION gateway.revoke_key(id uuid, by jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    key gateway.api_key;
BEGIN
    PERFORM FROM gateway.key_state FOR UPDATE;
    SELECT * INTO key FROM gateway.api_key WHERE key_id = id AND revoked_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    key.revoked_at := clock_timestamp();
    key.old_digest := NULL;
    key.old_expires_at := NULL;
    RETURN gateway.write_key(key, 'revoke', by);
END $$;

-- When keys were used last, in batches. Neither a change nor in the audit. In the order of ids, so that two gateways
-- wait for each other and not for each other's ends.
CREATE FUNCTION gateway.note_used_keys(ids uuid[], minutes timestamptz[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH used AS (
        SELECT key.key_id, given.minute FROM unnest(ids, minutes) AS given (key_id, minute)
        JOIN gateway.api_key AS key USING (key_id)
        WHERE key.last_used_at IS NULL OR key.last_used_at < given.minute
        ORDER BY key.key_id FOR UPDATE OF key
    )
    UPDATE gateway.api_key AS known SET last_used_at = used.minute FROM used WHERE known.key_id = used.key_id
$$;

REVOKE EXECUTE ON FUNCTION
    gateway.shown_key(gateway.api_key),
    gateway.write_key(gateway.api_key, text, jsonb),
    gateway.create_key(jsonb, bytea, integer, jsonb),
    gateway.changeable_key(uuid, bigint),
    gateway.change_key(uuid, bigint, jsonb, jsonb),
    gateway.rotate_key(uuid, bigint, text, bytea, integer, jsonb),
    gateway.revoke_key(uuid, jsonb),
    gateway.note_used_keys(uuid[], timestamptz[])
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    gateway.create_key(jsonb, bytea, integer, jsonb),
    gateway.change_key(uuid, bigint, jsonb, jsonb),
    gateway.rotate_key(uuid, bigint, text, bytea, integer, jsonb),
    gateway.revoke_key(uuid, jsonb),
    gateway.note_used_keys(uuid[], timestamptz[]),
    gateway.shown_key(gateway.api_key)
    TO gateway;
"""


def upgrade() -> None:
    """Makes new tables; nobody waits."""
    run_script(op.get_bind(), TABLES)
    run_script(op.get_bind(), CHANGES)
