"""The first policy of a model replaces revision 0 and no other: a wrong one left a policy that no audit knew of."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0018"
down_revision = "0017"

CHANGE_ROLLOUT = """
-- As in 0012, but that nothing is written before the revision is known to be the one that it names.
CREATE OR REPLACE FUNCTION predictions.change_rollout(
    wanted predictions.rollout, expected bigint,
    actor text, action text, reason text, request_id text, client_address text
) RETURNS SETOF predictions.rollout
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    before predictions.rollout;
    after  predictions.rollout := wanted;
BEGIN
    SELECT * INTO before FROM predictions.rollout AS known WHERE known.model_name = wanted.model_name FOR UPDATE;
    IF coalesce(before.revision, 0) <> expected THEN
        RETURN;
    END IF;
    after.revision := expected + 1;
    after.changed_at := clock_timestamp();
    after.started_at := CASE
        WHEN after.candidate_version IS NULL THEN NULL
        WHEN (before.stable_version, before.candidate_version) = (after.stable_version, after.candidate_version)
            THEN before.started_at
        ELSE after.changed_at END;
    after.step_started_at := CASE
        WHEN after.steps IS NULL THEN NULL
        WHEN (before.started_at, before.mode, before.steps, before.step)
            = (after.started_at, after.mode, after.steps, after.step) THEN before.step_started_at
        ELSE after.changed_at END;
    INSERT INTO predictions.rollout AS known SELECT after.*
    ON CONFLICT (model_name) DO UPDATE SET
        revision = excluded.revision, mode = excluded.mode, stable_version = excluded.stable_version,
        candidate_version = excluded.candidate_version, share = excluded.share, sticky = excluded.sticky,
        steps = excluded.steps, step = excluded.step, step_started_at = excluded.step_started_at,
        guards = excluded.guards, promote_by_itself = excluded.promote_by_itself,
        started_at = excluded.started_at, changed_at = excluded.changed_at
        WHERE known.revision = expected;
    IF NOT FOUND THEN  -- two made the first policy of a model, and the other one was faster
        RETURN;
    END IF;
    INSERT INTO predictions.rollout_event
        (at, model_name, revision, actor, action, reason, policy, request_id, client_address)
        VALUES (after.changed_at, after.model_name, after.revision, actor, action, reason, to_jsonb(after),
            request_id, client_address);
    PERFORM pg_notify('rollouts', after.model_name);
    RETURN NEXT after;
END $$;
"""


def upgrade() -> None:
    """Replaces a function; nobody waits, and its rights stay."""
    run_script(op.get_bind(), CHANGE_ROLLOUT)
