"""The audits of thresholds, baselines, silences, erasures and rollouts name the key that a change came with."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0028"
down_revision = "0027"

SCRIPT = """
ALTER TABLE metrics.audit ADD COLUMN actor_key_id uuid;
ALTER TABLE metrics.threshold_change ADD COLUMN actor_key_id uuid;
ALTER TABLE predictions.rollout_event ADD COLUMN actor_key_id uuid;
COMMENT ON COLUMN metrics.audit.actor_key_id IS 'of the key it was asked with; null: the admin token, or by itself';
COMMENT ON COLUMN metrics.threshold_change.actor_key_id IS 'of the key it was asked with; null: the admin token';
COMMENT ON COLUMN predictions.rollout_event.actor_key_id IS
    'of the key it was asked with; null: the admin token, or by itself';

-- In the transaction of a change, beside those without a key, which the release before calls.
CREATE FUNCTION predictions.sign_rollout_event(changed predictions.rollout, key_id uuid) RETURNS predictions.rollout
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    UPDATE predictions.rollout_event SET actor_key_id = key_id
        WHERE key_id IS NOT NULL AND model_name = changed.model_name AND revision = changed.revision;
    RETURN changed;
END $$;
REVOKE EXECUTE ON FUNCTION predictions.sign_rollout_event(predictions.rollout, uuid) FROM PUBLIC;

CREATE FUNCTION predictions.set_rollout(
    wanted jsonb, expected bigint, actor text, reason text, request_id text, client_address text, actor_key_id uuid
) RETURNS SETOF predictions.rollout
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    SELECT signed.* FROM predictions.set_rollout(
            wanted, expected, actor, reason, request_id, client_address) AS changed,
        predictions.sign_rollout_event(changed, actor_key_id) AS signed
$$;
REVOKE EXECUTE ON FUNCTION predictions.set_rollout(jsonb, bigint, text, text, text, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION predictions.set_rollout(jsonb, bigint, text, text, text, text, uuid) TO prediction_service;

CREATE FUNCTION predictions.end_rollout(
    model text, expected bigint, is_promotion boolean,
    actor text, reason text, request_id text, client_address text, actor_key_id uuid
) RETURNS SETOF predictions.rollout
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    SELECT signed.* FROM predictions.end_rollout(
            model, expected, is_promotion, actor, reason, request_id, client_address) AS changed,
        predictions.sign_rollout_event(changed, actor_key_id) AS signed
$$;
REVOKE EXECUTE ON FUNCTION predictions.end_rollout(text, bigint, boolean, text, text, text, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION predictions.end_rollout(text, bigint, boolean, text, text, text, text, uuid)
    TO prediction_service;
"""


def upgrade() -> None:
    """Adds columns without a value to small tables, and functions; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
