-- What became of a rollout's requests so far, by revision, version and process.
SELECT revision, arm, requests, errors, time_bins, time_counts
FROM predictions.version_outcome WHERE model_name = :model_name AND started_at = :started_at
