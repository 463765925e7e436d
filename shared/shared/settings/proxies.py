"""`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`: for calls outside (Gemini, webhooks), never inside."""

from urllib.parse import urlsplit
from urllib.request import getproxies_environment

SCHEMES = ("http", "https")
"""What the clients can speak to; SOCKS would need more packages."""


def check_proxies() -> None:
    """Raises ValueError, which never repeats an address, for a proxy that no client of ours can use."""
    for name, url in getproxies_environment().items():
        if name not in ("http", "https", "all"):
            continue
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            usable = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(f"{name.upper()}_PROXY is not of the form http://host:port")
