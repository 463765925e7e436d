"""Settings that are lists of words."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from shared.http.server.host import host_name


def parse_list(text: Any) -> Any:
    """`one, two`: a tuple of the words between the commas; empty: none."""
    if not isinstance(text, str):
        return text
    return tuple(word.strip() for word in text.split(",") if word.strip())


def require_host_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, each a host without a port. ValueError for what is none."""
    for name in names:
        if host_name(name.encode()) != name.lower().rstrip("."):
            raise ValueError(f"{name!r} is no host name (without a port; an IPv6 address in brackets)")
    return names


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(parse_list)]
Names = Annotated[Words, AfterValidator(require_host_names)]
