"""How a policy is told to those for whom it holds: names of its windows, headers, refusals."""

from functools import lru_cache

from gateway.limit.too_many_requests import Headers, TooManyRequests
from gateway.limit.window import Policy, Source, Window
from gateway.request.route_class import RouteClass

KEPT_HEADERS = 4096
"""Different states whose headers are kept: in whole seconds there are few, and making them anew takes its time."""


class Spoken:
    """A policy, as requests of one class hear of it: of the windows that count them, and of no other."""

    def __init__(self, policy: Policy, route_class: RouteClass) -> None:
        names = window_names(policy)
        self._counting = [place for place, cost in enumerate(policy.costs_of(route_class)) if cost]
        self._windows = [(names[place], policy.windows[place]) for place in self._counting]
        self._policy_header = ", ".join(
            f'"{name}";q={window.quota};w={window.seconds}' + (';qu="rows"' if window.in_rows else "")
            for name, window in self._windows
        ).encode()
        self.headers_of = lru_cache(KEPT_HEADERS)(self._make_headers)
        self.too_many_requests = TooManyRequests(
            {place: (names[place], policy.windows[place]) for place in self._counting}
        )

    def _make_headers(self, remaining: tuple[int, ...], more_in_seconds: tuple[int, ...], source: Source) -> Headers:
        """What every limited response says about the client's limit, in whole seconds.

        Nothing where no window counts the request: the limits of a key may have changed since it came.
        """
        if not self._counting:
            return ()
        state = [(remaining[place], more_in_seconds[place]) for place in self._counting]
        limit = ", ".join(
            f'"{name}";r={left};t={more}' for (name, _), (left, more) in zip(self._windows, state, strict=True)
        )
        nearest = min(range(len(state)), key=lambda index: state[index][0])
        left, more = state[nearest]
        headers = (
            (b"ratelimit-policy", self._policy_header),
            (b"ratelimit", limit.encode()),
            (b"x-ratelimit-limit", b"%d" % self._windows[nearest][1].quota),
            (b"x-ratelimit-remaining", b"%d" % left),
            (b"x-ratelimit-reset", b"%d" % more),
        )
        return (*headers, (b"x-ratelimit-scope", b"local")) if source is Source.MEMORY else headers


def window_names(policy: Policy) -> tuple[str, ...]:
    """One name per window: `ingress` where there is one alone, for names in these headers must differ."""
    is_alone = len(policy.windows) == 1
    return tuple(window_name(window, is_alone=is_alone) for window in policy.windows)


def window_name(window: Window, *, is_alone: bool) -> str:
    """Such as `ingress-60s`, `ingress-predict-60s` of one class, `ingress-rows-60s`."""
    words = ["ingress"]
    if window.route_class is not None:
        words.append(window.route_class)
    if window.in_rows:
        words.append("rows")
    if not is_alone:
        words.append(f"{window.seconds}s")
    return "-".join(words)
