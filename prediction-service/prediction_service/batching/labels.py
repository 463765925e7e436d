"""The Prometheus labels of a model, the same in all services."""

MODEL = ("model_name", "model_version")


def labels_of(name: str) -> tuple[str, str]:
    """The values for `name/version`."""
    model, _, version = name.partition("/")
    return model, version
