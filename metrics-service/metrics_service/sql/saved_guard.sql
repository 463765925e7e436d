SELECT evidence FROM metrics.rollout_guard WHERE model_name = :model_name AND started_at = :started_at
