"""What is measured, in this order; each module has `TITLE` and `run(options)`."""

SCENARIOS = (
    "predictions", "hops", "start_up", "memory", "tables", "tensors", "batching", "python_model",
    "streams", "containers",
    "limiter", "proxy", "api_keys", "console",
    "cached_report", "quota", "stampede",
    "aggregates", "inputs",
    "reading", "keys", "shadow",
)  # fmt: skip

GROUPS = {
    "prediction": SCENARIOS[:10],
    "gateway": SCENARIOS[10:14],
    "analytics": SCENARIOS[14:17],
    "metrics": SCENARIOS[17:19],
    "record": SCENARIOS[19:],
}
"""What `make bench-prediction` and its siblings run."""
