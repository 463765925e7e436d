"""Load balancers between the gateway and the services: which responses are theirs, and of nobody behind them."""

from gateway.proxy.exchange import UpstreamResponse

STATUSES = frozenset({404, 500, 502, 503, 504})
"""What a load balancer says when it has nobody to ask."""

NOT_DELIVERED = frozenset({404, 503})
"""Of these, what it says when it finds no replica: the request went to nobody and may be sent again."""


def is_from_load_balancer(response: UpstreamResponse) -> bool:
    """Whether an error is plain text: services say what is wrong in JSON, so none of them has seen the request."""
    return response.status in STATUSES and any(
        name.lower() == b"content-type" and value.startswith(b"text/plain") for name, value in response.headers
    )
