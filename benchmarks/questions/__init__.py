"""The questions, in the order in which they are asked; each module has `TITLE` and `answer(options)`."""

QUESTIONS = (
    "predictions", "hops", "start_up", "memory", "batching", "containers",
    "limiter", "proxy",
    "cached_report", "quota", "stampede",
    "aggregates",
)  # fmt: skip

GROUPS = {
    "prediction": QUESTIONS[:6],
    "gateway": QUESTIONS[6:8],
    "analytics": QUESTIONS[8:11],
    "metrics": QUESTIONS[11:],
}
"""What `make bench-prediction` and its siblings ask."""
