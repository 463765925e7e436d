"""What is measured, in this order; each module has `TITLE` and `run(options)`."""

SCENARIOS = (
    "predictions", "hops", "start_up", "memory", "tables", "tensors", "batching", "python_model",
    "streams", "containers",
    "limiter", "proxy", "console",
    "cached_report", "quota", "stampede",
    "aggregates", "inputs",
    "reading", "keys", "shadow",
)  # fmt: skip

GROUPS = {
    "prediction": SCENARIOS[:10],
    "gateway": SCENARIOS[10:13],
    "analytics": SCENARIOS[13:16],
    "metrics": SCENARIOS[16:18],
    "record": SCENARIOS[18:],
}
"""What `make bench-prediction` and its siblings run."""
