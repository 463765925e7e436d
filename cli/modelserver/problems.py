"""What a server says of a request that it refuses."""

import json
from typing import Any

SHOWN_FAULTS = 5


def words_of(body: bytes) -> str:
    """What a problem says, in one line; nothing if it is none."""
    try:
        problem: Any = json.loads(body)
        errors = [f"{one['location'].removeprefix('body.')} {one['message']}" for one in problem.get("errors", [])]
        more = f"; and {len(errors) - SHOWN_FAULTS} more" if len(errors) > SHOWN_FAULTS else ""
        return "; ".join(errors[:SHOWN_FAULTS]) + more or str(problem.get("detail") or problem.get("title") or "")
    except (ValueError, AttributeError, KeyError, TypeError):
        return ""
