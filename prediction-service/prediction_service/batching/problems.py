"""The problems of requests for which a model has no prediction."""

import structlog

from prediction_service.tasks.task import BadOutput
from shared.http.problems import Overloaded, Problem

UNAVAILABLE_SECONDS = 10
"""Retry-After for a model of which a call did not return: meanwhile it is loaded again."""

log = structlog.get_logger()


class ModelFailed(Problem):
    """The model could not compute this input."""

    status = 500
    type = "urn:problem-type:model-failed"
    title = "Model Failed"


class ModelUnavailable(Problem):
    """A call of the model did not return; until it is loaded again it takes no requests."""

    status = 503
    type = "urn:problem-type:model-unavailable"
    title = "Model Unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": str(UNAVAILABLE_SECONDS)})


class CallerLeft(Problem):
    """The client has closed its connection."""

    status = 499
    type = "urn:problem-type:caller-left"
    title = "Client Closed Request"


class DeadlinePassed(Problem):
    """The request was not computed within the time that its caller gave."""

    status = 504
    type = "urn:problem-type:deadline-passed"
    title = "Deadline Passed"


class TookTooLong(Overloaded):
    """The request waited for its model for as long as the service lets any request wait."""


def model_failed(model: str, error: Exception) -> ModelFailed:
    """Logs the error, and returns the problem without its details. Invalid outputs are logged without a traceback."""
    if isinstance(error, BadOutput):
        log.error("model failed", model=model, reason=str(error))
    else:
        log.error("model failed", model=model, exc_info=error)
    return ModelFailed("The model could not compute this input.")
