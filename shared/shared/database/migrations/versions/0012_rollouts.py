"""Rollouts: which version of a model requests get, who changed that, and how the versions of a canary do."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0012"
down_revision = "0011"

TABLES = """
-- A model without a row serves its newest version; its revision counts as 0.
CREATE TABLE predictions.rollout (
    model_name        text        PRIMARY KEY,
    revision          bigint      NOT NULL,
    mode              text        NOT NULL,
    stable_version    text,
    candidate_version text,
    share             numeric     NOT NULL,
    sticky            text        NOT NULL,
    steps             jsonb,
    step              smallint,
    step_started_at   timestamptz,
    guards            jsonb,
    promote_by_itself boolean     NOT NULL,
    started_at        timestamptz,
    changed_at        timestamptz NOT NULL,
    CONSTRAINT rollout_share_check CHECK (share BETWEEN 0 AND 100),
    CONSTRAINT rollout_step_check CHECK ((steps IS NULL) = (step IS NULL) AND step BETWEEN 0 AND 99),
    CONSTRAINT rollout_mode_check CHECK (CASE mode
        WHEN 'newest' THEN stable_version IS NULL AND candidate_version IS NULL
        WHEN 'pinned' THEN stable_version IS NOT NULL AND candidate_version IS NULL
        WHEN 'shadow' THEN stable_version <> candidate_version AND started_at IS NOT NULL
        WHEN 'canary' THEN stable_version <> candidate_version AND started_at IS NOT NULL
        ELSE false END IS TRUE)
);
COMMENT ON COLUMN predictions.rollout.revision IS 'one more with each change; a change names the one that it replaces';
COMMENT ON COLUMN predictions.rollout.mode IS 'newest, pinned, shadow or canary';
COMMENT ON COLUMN predictions.rollout.share IS 'percent of requests that the candidate computes: all or in shadow';
COMMENT ON COLUMN predictions.rollout.sticky IS 'what decides which requests these are: caller or header:<name>';
COMMENT ON COLUMN predictions.rollout.steps IS 'schedule of the share: [{"share": percent, "minutes": number}, …]';
COMMENT ON COLUMN predictions.rollout.step IS 'the step in force, from 0';
COMMENT ON COLUMN predictions.rollout.guards IS 'null: the defaults';
COMMENT ON COLUMN predictions.rollout.started_at IS 'since when there is this candidate beside this stable version';
GRANT SELECT ON predictions.rollout TO prediction_service, metrics_service;

-- Every change of every policy; nobody may change or delete a row.
CREATE TABLE predictions.rollout_event (
    event_id       bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at             timestamptz NOT NULL,
    model_name     text        NOT NULL,
    revision       bigint      NOT NULL,
    actor          text        NOT NULL,
    action         text        NOT NULL,
    reason         text        NOT NULL,
    policy         jsonb       NOT NULL,
    request_id     text        NOT NULL,
    client_address text        NOT NULL
);
COMMENT ON COLUMN predictions.rollout_event.actor IS 'the name that an operator states, guard, schedule or service';
COMMENT ON COLUMN predictions.rollout_event.action IS 'set, step, promote or rollback';
COMMENT ON COLUMN predictions.rollout_event.policy IS 'the whole policy after it';
COMMENT ON COLUMN predictions.rollout_event.client_address IS 'X-Forwarded-For as the gateway sent it, else the peer';
CREATE UNIQUE INDEX rollout_event_model_name_revision_key ON predictions.rollout_event (model_name, revision);
GRANT SELECT ON predictions.rollout_event TO prediction_service, metrics_service;

-- What became of the requests that canaries sent to either version: running totals of each process (writer), so that
-- writing them again counts nothing twice. While a revision is in force the share stays the same, and both versions are
-- asked at the same time by chance: they can be compared within a revision, whatever the load was at other times.
CREATE TABLE predictions.version_outcome (
    model_name      text             NOT NULL,
    revision        bigint           NOT NULL,
    arm             text             NOT NULL,
    writer          uuid             NOT NULL,
    model_version   text             NOT NULL,
    started_at      timestamptz      NOT NULL,
    requests        bigint           NOT NULL,
    errors          bigint           NOT NULL,
    seconds_sum     double precision NOT NULL,
    seconds_squares double precision NOT NULL,
    time_bins       integer[]        NOT NULL,
    time_counts     bigint[]         NOT NULL,
    updated_at      timestamptz      NOT NULL,
    PRIMARY KEY (model_name, revision, arm, writer)
);
COMMENT ON COLUMN predictions.version_outcome.arm IS 'stable or candidate';
COMMENT ON COLUMN predictions.version_outcome.writer IS 'one process of the prediction-service';
COMMENT ON COLUMN predictions.version_outcome.started_at IS 'that of the rollout';
COMMENT ON COLUMN predictions.version_outcome.requests IS 'those whose version the policy chose; errors included';
COMMENT ON COLUMN predictions.version_outcome.errors IS 'those that the version failed, by its own fault';
COMMENT ON COLUMN predictions.version_outcome.seconds_sum IS 'of those answered: from asking the model to its results';
COMMENT ON COLUMN predictions.version_outcome.time_bins IS 'bins of these times, as of metrics.time_bin';
GRANT SELECT, INSERT, UPDATE, DELETE ON predictions.version_outcome TO prediction_service;
GRANT SELECT ON predictions.version_outcome TO metrics_service;
"""

CHANGES = """
-- The only way a policy changes: with its line in the audit, and word to all replicas, or not at all. `expected` is the
-- revision that it replaces; when that is not the one in force, nothing happens and nothing is returned.
CREATE FUNCTION predictions.change_rollout(
    wanted predictions.rollout, expected bigint,
    actor text, action text, reason text, request_id text, client_address text
) RETURNS SETOF predictions.rollout
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
    before predictions.rollout;
    after  predictions.rollout := wanted;
BEGIN
    SELECT * INTO before FROM predictions.rollout AS known WHERE known.model_name = wanted.model_name FOR UPDATE;
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
    IF NOT FOUND OR coalesce(before.revision, 0) <> expected THEN
        RETURN;
    END IF;
    INSERT INTO predictions.rollout_event
        (at, model_name, revision, actor, action, reason, policy, request_id, client_address)
        VALUES (after.changed_at, after.model_name, after.revision, actor, action, reason, to_jsonb(after),
            request_id, client_address);
    PERFORM pg_notify('rollouts', after.model_name);
    RETURN NEXT after;
END $$;

-- What an operator wants: the whole policy, of which revision and times are found here.
CREATE FUNCTION predictions.set_rollout(
    wanted jsonb, expected bigint, actor text, reason text, request_id text, client_address text
) RETURNS SETOF predictions.rollout
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    SELECT * FROM predictions.change_rollout(
        jsonb_populate_record(NULL::predictions.rollout, wanted), expected,
        actor, 'set', reason, request_id, client_address)
$$;

-- The candidate becomes the stable version, or goes: either way requests get the stable version alone.
CREATE FUNCTION predictions.end_rollout(
    model text, expected bigint, is_promotion boolean,
    actor text, reason text, request_id text, client_address text
) RETURNS SETOF predictions.rollout
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    wanted predictions.rollout;
BEGIN
    SELECT * INTO wanted FROM predictions.rollout AS known WHERE known.model_name = model AND revision = expected;
    IF wanted.candidate_version IS NULL THEN
        RETURN;
    END IF;
    wanted.mode := 'pinned';
    wanted.stable_version := CASE WHEN is_promotion THEN wanted.candidate_version ELSE wanted.stable_version END;
    wanted.candidate_version := NULL;
    wanted.share := 0;
    wanted.steps := NULL;
    wanted.step := NULL;
    wanted.promote_by_itself := false;
    RETURN QUERY SELECT * FROM predictions.change_rollout(
        wanted, expected, actor, CASE WHEN is_promotion THEN 'promote' ELSE 'rollback' END,
        reason, request_id, client_address);
END $$;

-- For guards: whether it was done; false when the policy has changed meanwhile.
CREATE FUNCTION predictions.roll_back(model text, expected bigint, reason text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    SELECT EXISTS (SELECT * FROM predictions.end_rollout(model, expected, false, 'guard', reason, '', ''))
$$;
CREATE FUNCTION predictions.promote(model text, expected bigint, reason text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    SELECT EXISTS (SELECT * FROM predictions.end_rollout(model, expected, true, 'guard', reason, '', ''))
$$;

-- The schedule: of these models, whose candidates the caller can serve, the next steps that are due. Who comes first
-- takes a step, the others find it taken. A step lasts as long as it says however late it began.
CREATE FUNCTION predictions.step_rollouts(models text[]) RETURNS SETOF predictions.rollout
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    due predictions.rollout;
BEGIN
    FOR due IN
        SELECT * FROM predictions.rollout
        WHERE model_name = ANY (models) AND mode = 'canary' AND step < jsonb_array_length(steps) - 1
            AND clock_timestamp() >= step_started_at
                + (steps -> step ->> 'minutes')::double precision * interval '1 minute'
        ORDER BY model_name FOR UPDATE SKIP LOCKED
    LOOP
        due.step := due.step + 1;
        due.share := (due.steps -> due.step ->> 'share')::numeric;
        RETURN QUERY SELECT * FROM predictions.change_rollout(
            due, due.revision, 'schedule', 'step',
            format('step %s of %s: %s %%', due.step + 1, jsonb_array_length(due.steps), due.share), '', '');
    END LOOP;
END $$;

REVOKE EXECUTE ON FUNCTION
    predictions.change_rollout(predictions.rollout, bigint, text, text, text, text, text),
    predictions.set_rollout(jsonb, bigint, text, text, text, text),
    predictions.end_rollout(text, bigint, boolean, text, text, text, text),
    predictions.roll_back(text, bigint, text), predictions.promote(text, bigint, text),
    predictions.step_rollouts(text[])
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    predictions.set_rollout(jsonb, bigint, text, text, text, text),
    predictions.end_rollout(text, bigint, boolean, text, text, text, text),
    predictions.step_rollouts(text[])
    TO prediction_service;
GRANT EXECUTE ON FUNCTION
    predictions.roll_back(text, bigint, text), predictions.promote(text, bigint, text) TO metrics_service;
"""


def upgrade() -> None:
    """Makes new tables; nobody waits."""
    run_script(op.get_bind(), TABLES)
    run_script(op.get_bind(), CHANGES)
