"""Traces begin when the process does, if OTEL_EXPORTER_OTLP_ENDPOINT says where they go."""

import atexit
from importlib.metadata import version

from shared.settings.settings import ServiceSettings
from shared.tracing.context import tracing
from shared.tracing.export import SpanQueue, quiet_the_library
from shared.tracing.sampler import Sampler
from shared.tracing.span import spans


def start_tracing(service: str, settings: ServiceSettings) -> None:
    """From now on sampled requests are traced and their spans sent; without an endpoint nothing changes."""
    if settings.otel_exporter_otlp_endpoint is None:
        return
    from shared.tracing.otlp import OtlpSender  # a third of a second and 15 MiB, which only who traces has to spend

    quiet_the_library()
    headers = settings.otel_exporter_otlp_headers
    sender = OtlpSender(
        str(settings.otel_exporter_otlp_endpoint),
        service,
        version("modelserver-shared"),
        headers.get_secret_value() if headers else None,
    )
    queue = SpanQueue(sender.send)
    queue.start()
    atexit.register(queue.close)
    spans.put = queue.put
    tracing.sampler = Sampler.of(settings.otel_traces_sampler, settings.otel_traces_sampler_arg)
