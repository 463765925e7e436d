"""Libraries that only some commands need: imported when they are asked for, and named when they are missing."""

from importlib import import_module
from typing import Any

from modelserver.errors import UsageError

OUR_OWN = "./shared ./prediction-service './cli[check]', in the repository of the server"
"""No index has these packages; what it has under such a name is somebody else's."""

PACKAGES = {"prediction_service": OUR_OWN, "shared": OUR_OWN, "sklearn": "scikit-learn"}
"""Module → what is installed for it, where that is not called the same."""


def library(name: str) -> Any:
    """The module. Raises UsageError, which says what to install."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = (error.name or name).partition(".")[0]
        raise UsageError(f"{missing} is not installed here: pip install {PACKAGES.get(missing, missing)}") from None
    except ImportError as error:
        raise UsageError(f"{name} cannot be imported: {error}") from error
