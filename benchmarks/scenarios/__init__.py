"""What is measured, in this order; each module has `TITLE` and `run(options)`."""

SCENARIOS = (
    "predictions", "hops", "start_up", "memory", "batching", "python_model", "streams", "containers",
    "limiter", "proxy",
    "cached_report", "quota", "stampede",
    "aggregates", "inputs",
)  # fmt: skip

GROUPS = {
    "prediction": SCENARIOS[:8],
    "gateway": SCENARIOS[8:10],
    "analytics": SCENARIOS[10:13],
    "metrics": SCENARIOS[13:],
}
"""What `make bench-prediction` and its siblings run."""
