-- Whether a row is of the task, model and version that a selection names (CHOICE, in windows/rollups.py).
(:task_type IS NULL OR task_type = :task_type) AND (:model_name IS NULL OR model_name = :model_name)
    AND (:model_version IS NULL OR model_version = :model_version)
