"""Index and statistics of models, as the protocol describes them."""

from typing import Any

from prediction_service.batching.counts import Duration
from prediction_service.models.folders.status import State
from prediction_service.models.model import Model
from prediction_service.models.repository import ModelRepository

UNUSED = Duration()


def index_of(repository: ModelRepository, *, ready: bool) -> list[dict[str, str]]:
    """Every version in the repository; if `ready`, only those that take requests."""
    loaded = [(model, *repository.state_of(model)) for model in repository.catalogue.models()]
    index = [
        {
            "name": model.name,
            "version": model.version,
            "state": "UNAVAILABLE" if state is State.UNAVAILABLE else "READY",
            "reason": reason,
        }
        for model, state, reason in loaded
        if state is not State.UNAVAILABLE or not ready
    ]
    if ready:
        return index
    for folder, reason in repository.skipped().items():
        name, _, version = folder.partition("/")
        index.append({"name": name, "version": version, "state": "UNAVAILABLE", "reason": reason})
    for folder, (state, reason) in repository.waiting().items():
        name, _, version = folder.partition("/")
        protocol_state = "LOADING" if state is State.LOADING else "UNAVAILABLE"
        index.append({"name": name, "version": version, "state": protocol_state, "reason": reason})
    return index


def statistics_of(model: Model) -> dict[str, Any]:
    """Requests and calls since the version was loaded."""
    statistics = model.batcher.statistics
    return {
        "name": model.name,
        "version": model.version,
        "last_inference": round(statistics.last_request * 1000),
        "inference_count": statistics.texts,
        "execution_count": statistics.calls,
        "inference_stats": {
            "success": duration(statistics.success),
            "fail": duration(statistics.fail),
            "queue": duration(statistics.queue),
            "compute_input": duration(UNUSED),
            "compute_infer": duration(statistics.inference),
            "compute_output": duration(UNUSED),
            "cache_hit": duration(statistics.cache_hit),
            "cache_miss": duration(statistics.cache_miss),
        },
        "batch_stats": [
            {
                "batch_size": rows,
                "compute_input": duration(UNUSED),
                "compute_infer": duration(calls),
                "compute_output": duration(UNUSED),
            }
            for rows, calls in sorted(statistics.batches.items())
        ],
    }


def duration(value: Duration) -> dict[str, int]:
    """In nanoseconds."""
    return {"count": value.count, "ns": round(value.seconds * 1e9)}
