"""Load balancers between the gateway and the services: which responses are theirs, and of nobody behind them."""

from gateway.proxy.exchange import UpstreamResponse

STATUSES = frozenset({404, 500, 502, 503, 504})
"""What a load balancer says when it has nobody to ask."""

NOT_DELIVERED = frozenset({404, 503})
"""Of these, what it says when it finds no replica: the request went to nobody and may be sent again."""


def is_from_load_balancer(response: UpstreamResponse) -> bool:
    """Whether an error is plain text, or does not say what it is, as Traefik's 502 and 504 do not.

    Services say what is wrong in JSON, so none of them has said this.
    """
    if response.status not in STATUSES:
        return False
    kind = next((value for name, value in response.headers if name == b"content-type"), None)
    return kind is None or kind.startswith(b"text/plain")
