"""A moment in a query, with a time zone."""

import re
from typing import Annotated

from pydantic import BeforeValidator

from shared.contracts.window import WindowEnd

PLUS_LOST = re.compile(r" (\d\d:?\d\d)$")
"""`+03:00` at the end, as it comes when it was not escaped: a plus in a query means a space."""


def with_plus(given: object) -> object:
    """The same, with the plus of its time zone."""
    return PLUS_LOST.sub(r"+\1", given) if isinstance(given, str) else given


Moment = Annotated[WindowEnd, BeforeValidator(with_plus)]
