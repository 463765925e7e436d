"""What is measured, in this order; each module has `TITLE` and `run(options)`."""

SCENARIOS = (
    "predictions", "processor_time", "start_up", "memory", "tables", "tensors", "batching", "python_model",
    "streams", "containers",
    "limiter", "proxy", "api_keys", "revocation", "console",
    "cached_report", "quota", "stampede",
    "aggregates", "inputs",
    "reading", "keys", "shadow",
)  # fmt: skip

GROUPS = {
    "prediction": SCENARIOS[:10],
    "gateway": SCENARIOS[10:15],
    "analytics": SCENARIOS[15:18],
    "metrics": SCENARIOS[18:20],
    "record": SCENARIOS[20:],
}
"""What `make bench-prediction` and its siblings run."""
