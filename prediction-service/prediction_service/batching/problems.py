"""What a client is told when a model gives no prediction."""

import structlog

from prediction_service.batching.outputs import NotProbabilities
from shared.http.problems import Problem

UNAVAILABLE_SECONDS = 10
"""When a client may ask a model again that did not come back from a call: it is loaded anew meanwhile."""

log = structlog.get_logger()


class ModelFailed(Problem):
    """The model could not compute this text."""

    status = 500
    type = "urn:problem-type:model-failed"
    title = "Model Failed"


class ModelUnavailable(Problem):
    """The model did not come back from a call, and takes no requests until it was loaded anew."""

    status = 503
    type = "urn:problem-type:model-unavailable"
    title = "Model Unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": str(UNAVAILABLE_SECONDS)})


class CallerLeft(Problem):
    """Nobody waits for the response any more."""

    status = 499
    type = "urn:problem-type:caller-left"
    title = "Client Closed Request"


class DeadlinePassed(Problem):
    """The model did not get to a text within the time that its caller gave."""

    status = 504
    type = "urn:problem-type:deadline-passed"
    title = "Deadline Passed"


def model_failed(model: str, error: Exception) -> ModelFailed:
    """Logged with everything, told without details. Numbers that make no sense need no traceback."""
    if isinstance(error, NotProbabilities):
        log.error("model failed", model=model, reason=str(error))
    else:
        log.error("model failed", model=model, exc_info=error)
    return ModelFailed("The model could not compute this text.")
