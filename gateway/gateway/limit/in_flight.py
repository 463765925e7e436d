"""How many requests each client has in flight: nobody takes all the places at a service.

Counted before the ingress limit, and for paths without a limit too: those hold places just as well.
"""

from gateway.limit.refused import Reason, Refused
from shared.http.problems import QUOTA_EXCEEDED, Problem

POLICY = "in-flight"


class TooManyInFlight(Problem):
    """This client, or key, waits for as many responses as it may."""

    status = 429
    type = QUOTA_EXCEEDED
    title = "Too Many Requests"

    def __init__(self, most: int, who: str = "client") -> None:
        super().__init__(
            f"This {who} has {most} requests in flight, which is all it may have.",
            headers={"Retry-After": "1"},
            **{"violated-policies": [POLICY]},
        )


class RequestsInFlight:
    """By client; at most `most` each."""

    def __init__(self, most: int, refused: Refused) -> None:
        self._most, self._refused = most, refused
        self._counts: dict[str, int] = {}

    def begin(self, client: str) -> None:
        """One more. Raises TooManyInFlight."""
        count = self._counts.get(client, 0)
        if count >= self._most:
            self._refused[Reason.IN_FLIGHT] += 1
            raise TooManyInFlight(self._most)
        self._counts[client] = count + 1

    def end(self, client: str) -> None:
        """One less; who has none takes no memory."""
        count = self._counts.pop(client) - 1
        if count:
            self._counts[client] = count
