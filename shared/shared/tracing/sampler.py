"""Which requests are traced: OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG, as OpenTelemetry defines them.

A share is decided by the trace's id, so that every service, and whoever asks us, decides alike.
"""

from enum import StrEnum
from typing import NamedTuple

PARENT_BASED = "parentbased_"

ID_BITS = 64
"""Of the trace's id, its last ones, that decide (OpenTelemetry's TraceIdRatioBased)."""


class SamplerName(StrEnum):
    """The names of the standard."""

    ALWAYS_ON = "always_on"
    ALWAYS_OFF = "always_off"
    TRACE_ID_RATIO = "traceidratio"
    PARENT_BASED_ALWAYS_ON = "parentbased_always_on"
    PARENT_BASED_ALWAYS_OFF = "parentbased_always_off"
    PARENT_BASED_TRACE_ID_RATIO = "parentbased_traceidratio"


class Sampler(NamedTuple):
    """`bound`: ids below it are traced. `by_parent`: a request that says whether it is has decided."""

    bound: int
    by_parent: bool

    @classmethod
    def of(cls, name: SamplerName, share: float) -> "Sampler":
        """The sampler of these settings; `share`: from 0 to 1, for those with a ratio."""
        rest = name.removeprefix(PARENT_BASED)
        ratio = {SamplerName.ALWAYS_ON: 1.0, SamplerName.ALWAYS_OFF: 0.0}.get(SamplerName(rest), share)
        return cls(round(ratio * (1 << ID_BITS)), name.startswith(PARENT_BASED))

    def samples(self, trace_id: str, *, parent: bool | None) -> bool:
        """Whether to trace. `parent`: whether who asked does; None: nobody said."""
        if parent is not None and self.by_parent:
            return parent
        return int(trace_id[16:], 16) < self.bound
