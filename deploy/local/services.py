"""The four services, and what their settings say of themselves."""

import importlib

from shared.settings.settings import ServiceSettings

SERVICES = {
    "gateway": "gateway",
    "prediction-service": "prediction_service",
    "metrics-service": "metrics_service",
    "analytics-service": "analytics_service",
}
"""Service name → module."""


def settings_class(name: str) -> type[ServiceSettings]:
    """What a service can be told."""
    found: type[ServiceSettings] = importlib.import_module(f"{SERVICES[name]}.settings").Settings
    return found
