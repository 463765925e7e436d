"""What is measured, in this order; each module has `TITLE` and `run(options)`."""

SCENARIOS = (
    "predictions", "hops", "start_up", "memory", "batching", "python_model", "containers",
    "limiter", "proxy",
    "cached_report", "quota", "stampede",
    "aggregates", "inputs",
)  # fmt: skip

GROUPS = {
    "prediction": SCENARIOS[:7],
    "gateway": SCENARIOS[7:9],
    "analytics": SCENARIOS[9:12],
    "metrics": SCENARIOS[12:],
}
"""What `make bench-prediction` and its siblings run."""
