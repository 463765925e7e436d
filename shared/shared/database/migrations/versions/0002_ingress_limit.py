"""The ingress limit: one row of fixed size per client and one function that decides for a batch of clients."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0002"
down_revision = "0001"

SCRIPT = """
CREATE SCHEMA gateway;

-- A window is cut into 60 slots. `slots` is a ring of 61 counts per window (the slot that is under way and the 60
-- before it), so whatever is counted stays counted for at least the whole window, wherever in its slot it happened.
-- Arrays hold one entry (slots: 61) per window of the policy. UNLOGGED: a crash forgets at most one window.
CREATE UNLOGGED TABLE gateway.ingress_client (
    policy     text        NOT NULL,
    client     text        NOT NULL,
    newest     bigint[]    NOT NULL,
    oldest     bigint[]    NOT NULL,
    total      integer[]   NOT NULL,
    slots      integer[]   NOT NULL,
    forget_at  timestamptz NOT NULL,
    PRIMARY KEY (policy, client)
) WITH (
    fillfactor = 60, -- room for the next version of a row on the same page: updates touch no index
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_cost_delay = 0
);
COMMENT ON COLUMN gateway.ingress_client.newest IS 'number of the newest slot that counts anything';
COMMENT ON COLUMN gateway.ingress_client.oldest IS 'number of the oldest slot that counts anything';
COMMENT ON COLUMN gateway.ingress_client.total IS 'sum of the slots';

-- Decides for all clients that wait at this moment. A gateway passes each client once, in sorted order, so that two
-- gateways lock rows in the same order. `free_us`: microseconds until each window has room for one more (0: it has).
CREATE FUNCTION gateway.admit(
    the_policy text, quotas integer[], lengths_us bigint[], clients text[], wanted integer[]
) RETURNS TABLE (granted integer, remaining integer[], more_us bigint[], retry_us bigint)
LANGUAGE plpgsql AS $$
DECLARE
    slot_count constant integer := 60;
    ring       constant integer := 61;
    windows    constant integer := cardinality(quotas);
    longest    constant bigint := (SELECT max(length) FROM unnest(lengths_us) AS length);
    now_us     bigint;
    state      gateway.ingress_client;
    slot       bigint[];
    position   integer;
    free       integer;
    w          integer;
BEGIN
    FOR i IN 1 .. cardinality(clients) LOOP
        SELECT * INTO state FROM gateway.ingress_client AS known
            WHERE known.policy = the_policy AND known.client = clients[i] FOR UPDATE;
        IF NOT FOUND THEN
            INSERT INTO gateway.ingress_client VALUES (
                the_policy, clients[i], array_fill(0::bigint, ARRAY[windows]), array_fill(0::bigint, ARRAY[windows]),
                array_fill(0, ARRAY[windows]), array_fill(0, ARRAY[windows * ring]), 'infinity'
            ) ON CONFLICT DO NOTHING;
            SELECT * INTO state FROM gateway.ingress_client AS known
                WHERE known.policy = the_policy AND known.client = clients[i] FOR UPDATE;
        END IF;

        -- The time is read while the row is ours: the order of decisions is the order of their times.
        now_us := (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
        free := wanted[i];
        FOR w IN 1 .. windows LOOP
            slot[w] := greatest(now_us * slot_count / lengths_us[w], state.newest[w]);
            WHILE state.total[w] > 0 AND state.oldest[w] < slot[w] - slot_count LOOP
                position := (w - 1) * ring + (state.oldest[w] % ring) + 1;
                state.total[w] := state.total[w] - state.slots[position];
                state.slots[position] := 0;
                LOOP
                    state.oldest[w] := state.oldest[w] + 1;
                    EXIT WHEN state.total[w] = 0
                        OR state.slots[(w - 1) * ring + (state.oldest[w] % ring) + 1] > 0;
                END LOOP;
            END LOOP;
            free := least(free, quotas[w] - state.total[w]);
        END LOOP;

        granted := greatest(free, 0);
        remaining := '{}';
        more_us := '{}';
        retry_us := 0;
        FOR w IN 1 .. windows LOOP
            IF granted > 0 THEN
                position := (w - 1) * ring + (slot[w] % ring) + 1;
                IF state.total[w] = 0 THEN
                    state.oldest[w] := slot[w];
                END IF;
                state.newest[w] := slot[w];
                state.slots[position] := state.slots[position] + granted;
                state.total[w] := state.total[w] + granted;
            END IF;
            remaining[w] := quotas[w] - state.total[w];
            -- The oldest slot stops counting when 60 whole slots have passed after it; rounded up.
            more_us[w] := CASE WHEN state.total[w] = 0 THEN 0
                ELSE ((state.oldest[w] + ring) * lengths_us[w] + slot_count - 1) / slot_count - now_us END;
            IF remaining[w] <= 0 THEN
                retry_us := greatest(retry_us, more_us[w]);
            END IF;
        END LOOP;
        IF granted > 0 THEN
            UPDATE gateway.ingress_client AS known
                SET newest = state.newest, oldest = state.oldest, total = state.total, slots = state.slots,
                    forget_at = clock_timestamp() + longest * interval '2 microseconds'
                WHERE known.policy = the_policy AND known.client = clients[i];
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

-- Forgets clients that have been away for two windows; small steps, rows in use are left for the next time.
CREATE FUNCTION gateway.forget_old_clients(at_most integer) RETURNS bigint
LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM gateway.ingress_client WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM gateway.ingress_client WHERE forget_at < clock_timestamp()
            LIMIT at_most FOR UPDATE SKIP LOCKED
        )) RETURNING 1
    ) SELECT count(*) FROM gone
$$;

GRANT USAGE ON SCHEMA gateway TO gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON gateway.ingress_client TO gateway;
"""


def upgrade() -> None:
    """Makes a new table and functions only; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
