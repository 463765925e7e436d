"""Whether a change of a policy makes sense, in itself and with what is loaded; pure. Faults are said field by field."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from shared.contracts.problem import FieldError
from shared.contracts.rollouts import HEADER_PREFIX, Rollout, RolloutChange, RolloutMode, RolloutStep
from shared.http.problems import InvalidRequest

WITH_CANDIDATE = frozenset({RolloutMode.SHADOW, RolloutMode.CANARY})

NEVER_ARRIVE = frozenset(
    {
        "connection", "content-length", "expect", "forwarded", "host", "keep-alive", "origin", "proxy-authenticate",
        "proxy-authorization", "proxy-connection", "sec-fetch-site", "te", "trailer", "transfer-encoding", "upgrade",
        "x-caller", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix",
        "x-forwarded-proto", "x-forwarded-server", "x-key-holder", "x-real-ip", "x-request-id",
    }
)  # fmt: skip
"""Headers that are about a connection or that the gateway writes: a client cannot be told by them."""

EVERYTHING = 100.0
"""Percent."""

OF_ONE_REQUEST = frozenset({"date", "idempotency-key", "traceparent", "tracestate"})
"""Headers that have another value with each request of a client."""

Unfit = Callable[[str], str]
"""Why a version cannot be a candidate; empty if it can."""


def wanted_policy(model: str, change: RolloutChange, versions: Sequence[str], unfit: Unfit) -> dict[str, Any]:
    """The policy to store. `versions`: those of the model that are loaded. Raises InvalidRequest."""
    faults = [*faults_of_versions(change, versions, unfit), *faults_of_share(change)]
    header = change.sticky.removeprefix(HEADER_PREFIX)
    if header.lower() in NEVER_ARRIVE:
        faults.append(("sticky", f"clients cannot be told apart by the header {header}"))
    if header.lower() in OF_ONE_REQUEST:
        faults.append(("sticky", f"{header} is another one with each request: no client would stay with a version"))
    faults += faults_of_promotion(change)
    if faults:
        raise InvalidRequest([FieldError(location=f"body.{field}", message=message) for field, message in faults])
    policy = Rollout(model_name=model, **change.model_dump(exclude={"revision", "reason", "changed_by"}))
    policy.step = step_of(change)
    if policy.steps is not None and policy.step is not None:
        policy.share = policy.steps[policy.step].share
    return policy.model_dump(mode="json")


def faults_of_promotion(change: RolloutChange) -> list[tuple[str, str]]:
    """Where a candidate cannot prove itself."""
    if not change.promote_by_itself:
        return []
    if change.mode is not RolloutMode.CANARY:
        return [("promote_by_itself", "belongs to canary")]
    last = change.share if change.steps is None else change.steps[-1].share
    if last < EVERYTHING:
        return []
    return [("promote_by_itself", "needs a last share below 100: beside it there is no stable version to compare with")]


Fault = tuple[str, str]
"""A field, and what is wrong with it."""


def faults_of_versions(change: RolloutChange, versions: Sequence[str], unfit: Unfit) -> list[Fault]:
    """Versions that are missing, too many, not loaded, or the same twice."""
    stable, candidate = change.stable_version, change.candidate_version
    has_stable, has_candidate = change.mode is not RolloutMode.NEWEST, change.mode in WITH_CANDIDATE
    faults = list[Fault]()
    for field, version, is_wanted in (
        ("stable_version", stable, has_stable),
        ("candidate_version", candidate, has_candidate),
    ):
        if is_wanted and version is None:
            faults.append((field, f"is needed with {change.mode}"))
        elif not is_wanted and version is not None:
            faults.append((field, f"does not belong to {change.mode}"))
        elif version is not None and version not in versions:
            faults.append((field, f"{version} is not loaded; there is {', '.join(versions)}"))
    if faults or candidate is None:
        return faults
    if candidate == stable:
        return [("candidate_version", "is the stable version itself")]
    if reason := unfit(candidate):
        return [("candidate_version", f"{candidate} is not fit for it: {reason}")]
    return []


def faults_of_share(change: RolloutChange) -> list[Fault]:
    """A share or a schedule that does not belong there, or is missing, or does not grow."""
    says_share = "share" in change.model_fields_set
    if change.mode not in WITH_CANDIDATE:
        unwanted = [("share", change.share), ("steps", change.steps)]
        return [(field, f"belongs to shadow and canary, not to {change.mode}") for field, value in unwanted if value]
    if change.mode is RolloutMode.SHADOW:
        missing = [] if says_share else [("share", "is needed with shadow")]
        return missing if change.steps is None else [("steps", "belong to canary")]
    if change.steps is None:
        return [] if says_share else [("share", "is needed with canary, unless there are steps")]
    if (fault := fault_of_steps(change.steps)) is not None:
        return [fault]
    if says_share and change.share not in [step.share for step in change.steps]:
        return [("share", "is none of the shares of steps; without it the first one holds")]
    return []


def fault_of_steps(steps: Sequence[RolloutStep]) -> Fault | None:
    """What is wrong with a schedule."""
    for number, (step, following) in enumerate(pairwise(steps)):
        if step.minutes is None:
            return f"steps.{number}.minutes", "is needed for all steps but the last"
        if following.share <= step.share:
            return f"steps.{number + 1}.share", "must be larger than that of the step before"
    return None


def step_of(change: RolloutChange) -> int | None:
    """Where a schedule begins: with the step of the share that is named, or with the first."""
    if change.steps is None:
        return None
    if "share" not in change.model_fields_set:
        return 0
    return [step.share for step in change.steps].index(change.share)
