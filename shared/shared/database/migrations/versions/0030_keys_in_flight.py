"""Keys: most requests in flight, counted over all gateways."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0030"
down_revision = "0029"

SCRIPT = """
ALTER TABLE gateway.api_key ADD COLUMN max_in_flight integer;
COMMENT ON COLUMN gateway.api_key.max_in_flight IS
    'most requests in flight, over all gateways; null: no bound of its own';

-- As in 0025, with max_in_flight.
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
            max_in_flight = after.max_in_flight, expires_at = after.expires_at, note = after.note,
            changed_at = after.changed_at, revoked_at = after.revoked_at, revision = after.revision
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
    before.max_in_flight := after.max_in_flight;
    before.expires_at := after.expires_at;
    before.note := after.note;
    RETURN gateway.write_key(before, 'change', by);
END $$;

-- What each gateway has in flight of a key, in absolute numbers: told again, because nobody knows whether it came
-- through, it counts nothing twice. A gateway that tells nothing for some seconds is dead, and so are its requests.
-- UNLOGGED: after a crash all gateways tell again within seconds.
CREATE UNLOGGED TABLE gateway.key_in_flight (
    key_id uuid  PRIMARY KEY,
    places jsonb NOT NULL
) WITH (
    fillfactor = 60, -- room for the next version of a row on the same page: updates touch no index
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_cost_delay = 0
);
COMMENT ON COLUMN gateway.key_in_flight.places IS
    'gateway: {requests: in flight there, until: how long that is believed, in seconds since 1970}';
GRANT SELECT, INSERT, UPDATE, DELETE ON gateway.key_in_flight TO gateway;

-- For each key, in sorted order, so that two gateways lock rows in the same order: this gateway has so many `held` and
-- `wanted` so many more; of these are granted what keeps the sum over all gateways within `most`.
CREATE FUNCTION gateway.take_places(
    the_gateway text, lives_seconds double precision, keys uuid[], held integer[], wanted integer[], most integer[]
) RETURNS TABLE (granted integer)
LANGUAGE plpgsql AS $$
DECLARE
    now_s  double precision;
    before jsonb;
    others jsonb;
    taken  bigint;
BEGIN
    FOR i IN 1 .. cardinality(keys) LOOP
        LOOP
            SELECT known.places INTO before FROM gateway.key_in_flight AS known WHERE known.key_id = keys[i] FOR UPDATE;
            EXIT WHEN FOUND;
            INSERT INTO gateway.key_in_flight VALUES (keys[i], '{}') ON CONFLICT DO NOTHING;
        END LOOP;
        now_s := extract(epoch FROM clock_timestamp());
        -- `least`: where the clock was set back a dead gateway must not live on in what was told before.
        SELECT coalesce(jsonb_object_agg(place.gateway, jsonb_build_object(
                'requests', place.value -> 'requests',
                'until', least((place.value ->> 'until')::double precision, now_s + lives_seconds)
            )), '{}'), coalesce(sum((place.value ->> 'requests')::integer), 0)
            INTO others, taken
            FROM jsonb_each(before) AS place (gateway, value)
            WHERE place.gateway <> the_gateway AND (place.value ->> 'until')::double precision > now_s;
        granted := greatest(least(wanted[i], most[i] - taken - held[i]), 0);
        IF held[i] + granted > 0 THEN
            others := others || jsonb_build_object(
                the_gateway, jsonb_build_object('requests', held[i] + granted, 'until', now_s + lives_seconds)
            );
        END IF;
        IF others = '{}' THEN
            DELETE FROM gateway.key_in_flight AS known WHERE known.key_id = keys[i];
        ELSE
            UPDATE gateway.key_in_flight AS known SET places = others WHERE known.key_id = keys[i];
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
"""


def upgrade() -> None:
    """Adds a column without a value, a table and a function, and replaces two, whose rights stay; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
