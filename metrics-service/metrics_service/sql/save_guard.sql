INSERT INTO metrics.rollout_guard (model_name, started_at, revision, stable_version, candidate_version, evidence,
    readings, condemned_by, looked_at)
VALUES (:model_name, :started_at, :revision, :stable_version, :candidate_version, :evidence, :readings, :condemned_by,
    :looked_at)
ON CONFLICT (model_name) DO UPDATE SET
    started_at = excluded.started_at, revision = excluded.revision, stable_version = excluded.stable_version,
    candidate_version = excluded.candidate_version, evidence = excluded.evidence, readings = excluded.readings,
    condemned_by = excluded.condemned_by, looked_at = excluded.looked_at
