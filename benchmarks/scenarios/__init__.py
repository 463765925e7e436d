"""What is measured, in this order; each module has `TITLE` and `run(options)`."""

SCENARIOS = (
    "predictions", "hops", "start_up", "memory", "batching", "containers",
    "limiter", "proxy",
    "cached_report", "quota", "stampede",
    "aggregates", "inputs",
)  # fmt: skip

GROUPS = {
    "prediction": SCENARIOS[:6],
    "gateway": SCENARIOS[6:8],
    "analytics": SCENARIOS[8:11],
    "metrics": SCENARIOS[11:],
}
"""What `make bench-prediction` and its siblings run."""
