"""The ingress limit: what a request costs in each window, and a look that costs nothing."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0027"
down_revision = "0026"

SCRIPT = """
-- As in 0009, where each request costs one in every window. `costs`, for each of `clients` one entry per window: what
-- one of its requests costs there; 0: this window does not count it. Who pays nothing at all only looks: no lock, no
-- row. A client may come several times, at different costs, one after the other. `retry_us`: when each window has room
-- for one more such request.
CREATE FUNCTION gateway.admit(
    the_policy text, quotas integer[], lengths_us bigint[], clients text[], wanted integer[], costs integer[]
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
    cost       integer[];
    position   integer;
    free       integer;
    missing    integer;
    leaving    bigint;
    w          integer;
    pays       boolean;
    corrected  boolean;
BEGIN
    FOR i IN 1 .. cardinality(clients) LOOP
        cost := costs[(i - 1) * windows + 1 : i * windows];
        pays := 0 < ANY (cost);
        IF pays THEN
            SELECT * INTO state FROM gateway.ingress_client AS known
                WHERE known.policy = the_policy AND known.client = clients[i] FOR UPDATE;
            IF NOT FOUND THEN
                INSERT INTO gateway.ingress_client VALUES (
                    the_policy, clients[i], array_fill(0::bigint, ARRAY[windows]),
                    array_fill(0::bigint, ARRAY[windows]), array_fill(0, ARRAY[windows]),
                    array_fill(0, ARRAY[windows * ring]), clock_timestamp() + longest * interval '2 microseconds'
                ) ON CONFLICT DO NOTHING;
                SELECT * INTO state FROM gateway.ingress_client AS known
                    WHERE known.policy = the_policy AND known.client = clients[i] FOR UPDATE;
            END IF;
        ELSE
            SELECT * INTO state FROM gateway.ingress_client AS known
                WHERE known.policy = the_policy AND known.client = clients[i];
            IF NOT FOUND THEN
                state.newest := array_fill(0::bigint, ARRAY[windows]);
                state.oldest := state.newest;
                state.total := array_fill(0, ARRAY[windows]);
                state.slots := array_fill(0, ARRAY[windows * ring]);
            END IF;
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
            IF cost[w] > 0 THEN
                free := least(free, (quotas[w] - state.total[w]) / cost[w]);
            END IF;
        END LOOP;

        granted := greatest(free, 0);
        remaining := '{}';
        more_us := '{}';
        retry_us := 0;
        FOR w IN 1 .. windows LOOP
            IF granted > 0 AND cost[w] > 0 THEN
                position := (w - 1) * ring + (slot[w] % ring) + 1;
                IF state.total[w] = 0 THEN
                    state.oldest[w] := slot[w];
                END IF;
                state.newest[w] := slot[w];
                state.slots[position] := state.slots[position] + granted * cost[w];
                state.total[w] := state.total[w] + granted * cost[w];
            END IF;
            remaining[w] := quotas[w] - state.total[w];
            -- The oldest slot stops counting when 60 whole slots have passed after it; rounded up.
            more_us[w] := CASE WHEN state.total[w] = 0 THEN 0
                ELSE ((state.oldest[w] + ring) * lengths_us[w] + slot_count - 1) / slot_count - now_us END;
            -- There is room once enough slots have stopped counting, the oldest first.
            missing := cost[w] - remaining[w];
            IF cost[w] > 0 AND missing > 0 AND state.total[w] > 0 THEN
                leaving := state.oldest[w];
                LOOP
                    missing := missing - state.slots[(w - 1) * ring + (leaving % ring) + 1];
                    EXIT WHEN missing <= 0 OR leaving >= state.newest[w];
                    leaving := leaving + 1;
                END LOOP;
                retry_us := greatest(
                    retry_us, ((leaving + ring) * lengths_us[w] + slot_count - 1) / slot_count - now_us
                );
            END IF;
        END LOOP;
        IF pays AND (granted > 0 OR corrected) THEN
            UPDATE gateway.ingress_client AS known
                SET newest = state.newest, oldest = state.oldest, total = state.total, slots = state.slots,
                    forget_at = clock_timestamp() + longest * interval '2 microseconds'
                WHERE known.policy = the_policy AND known.client = clients[i];
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

-- For gateways of the release before, while they are replaced one after the other.
CREATE OR REPLACE FUNCTION gateway.admit(
    the_policy text, quotas integer[], lengths_us bigint[], clients text[], wanted integer[]
) RETURNS TABLE (granted integer, remaining integer[], more_us bigint[], retry_us bigint)
LANGUAGE sql AS $$
    SELECT * FROM gateway.admit(
        the_policy, quotas, lengths_us, clients, wanted,
        array_fill(1, ARRAY[cardinality(clients) * cardinality(quotas)])
    )
$$;
"""


def upgrade() -> None:
    """Adds a function, and replaces one by one of the same signature; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
