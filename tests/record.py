"""What is true of the record after any load, whatever was killed meanwhile.

Each text's length says whose request it was. For every request that was ever sent:

- answered 200: exactly the predictions of its answer are on record, each once;
- refused or cut off: all of its predictions are on record, each once, or none. An answer can be lost after the commit,
  and its caller cannot know; but a request is never recorded by halves, and never twice, so nobody sent it again.

There are no other rows.
"""

from collections import defaultdict
from collections.abc import Iterable

import asyncpg

from tests.callers import Request


async def recorded(url: str) -> dict[int, list[str]]:
    """Prediction ids by the length of their texts."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT input_length, prediction_id::text FROM predictions.prediction")
    finally:
        await connection.close()
    ids = defaultdict(list)
    for length, prediction_id in rows:
        ids[length].append(prediction_id)
    return ids


async def assert_record_is_true(url: str, requests: Iterable[Request]) -> None:
    rows = await recorded(url)
    for request in requests:
        found = rows.pop(request.length, [])
        assert len(found) == len(set(found)), request
        if request.answer is not None:
            assert set(found) == {prediction["prediction_id"] for prediction in request.answer}, request
        else:
            assert len(found) in {0, request.texts}, request
    assert rows == {}
