-- Of every model the last canary that guards have looked at, and how it ended.
SELECT guard.model_name, guard.started_at, guard.stable_version, guard.candidate_version, guard.readings,
    guard.condemned_by, guard.looked_at, coalesce(rollout.started_at = guard.started_at, false) AS is_on,
    ended.action, ended.actor, ended.reason, ended.at AS ended_at,
    coalesce(rollout.revision = ended.revision, false) AS is_last_change
FROM metrics.rollout_guard AS guard
LEFT JOIN predictions.rollout AS rollout USING (model_name)
LEFT JOIN LATERAL (
    SELECT * FROM predictions.rollout_event AS event
    WHERE event.model_name = guard.model_name AND event.at > guard.started_at AND event.revision > guard.revision
        AND (event.policy ->> 'started_at')::timestamptz IS DISTINCT FROM guard.started_at
    ORDER BY event.revision LIMIT 1
) AS ended ON true
WHERE :model_name IS NULL OR guard.model_name = :model_name
ORDER BY guard.looked_at DESC LIMIT :most
