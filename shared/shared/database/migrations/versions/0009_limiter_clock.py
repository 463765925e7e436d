"""The ingress limit: a clock that is set back makes nobody wait longer than a window."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0009"
down_revision = "0008"

SCRIPT = """
-- Decides for all clients that wait at this moment. A gateway passes each client once, in sorted order, so that two
-- gateways lock rows in the same order. `free_us`: microseconds until each window has room for one more (0: it has).
CREATE OR REPLACE FUNCTION gateway.admit(
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
    corrected  boolean;
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
        corrected := false;
        FOR w IN 1 .. windows LOOP
            slot[w] := now_us * slot_count / lengths_us[w];
            -- Counts of a time to come: the clock was set back. When they happened is not known any more; taken to have
            -- happened now they count for a whole window, and for no longer.
            IF greatest(state.newest[w], state.oldest[w]) > slot[w] THEN
                corrected := true;
                state.slots[(w - 1) * ring + 1 : w * ring] := array_fill(0, ARRAY[ring]);
                state.slots[(w - 1) * ring + (slot[w] % ring) + 1] := state.total[w];
                state.oldest[w] := slot[w];
                state.newest[w] := slot[w];
            END IF;
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
        IF granted > 0 OR corrected THEN
            UPDATE gateway.ingress_client AS known
                SET newest = state.newest, oldest = state.oldest, total = state.total, slots = state.slots,
                    forget_at = clock_timestamp() + longest * interval '2 microseconds'
                WHERE known.policy = the_policy AND known.client = clients[i];
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
"""


def upgrade() -> None:
    """Replaces one function by one of the same signature; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
