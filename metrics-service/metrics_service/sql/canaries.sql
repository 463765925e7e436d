-- The canaries that are on.
SELECT model_name, revision, mode, stable_version, candidate_version, share::double precision AS share, sticky, steps,
    step, step_started_at, guards, promote_by_itself, started_at, changed_at
FROM predictions.rollout WHERE mode = 'canary' AND candidate_version IS NOT NULL ORDER BY model_name
