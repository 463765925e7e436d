"""What is measured, in this order; each module has `TITLE` and `run(options)`."""

SCENARIOS = (
    "predictions", "hops", "start_up", "memory", "tables", "tensors", "batching", "python_model",
    "streams", "containers",
    "limiter", "proxy",
    "cached_report", "quota", "stampede",
    "aggregates", "inputs",
    "reading", "keys", "shadow",
)  # fmt: skip

GROUPS = {
    "prediction": SCENARIOS[:10],
    "gateway": SCENARIOS[10:12],
    "analytics": SCENARIOS[12:15],
    "metrics": SCENARIOS[15:17],
    "record": SCENARIOS[17:],
}
"""What `make bench-prediction` and its siblings run."""
