"""`python -m benchmarks.without_keys`: the prediction-service as it would be if it knew no Idempotency-Key.

No route looks for one, and what is recorded is not looked through for responses to keep. `scenarios/keys` measures what
that saves.
"""

import runpy
from collections.abc import Sequence

from prediction_service.api.keyless import KeylessRoute
from prediction_service.records.addition import Addition, KeptResponse, records_of
from prediction_service.records.postgres import STATEMENT_SECONDS, RecordStore
from prediction_service.records.record import columns


async def add_records(
    store: RecordStore, statement: str, additions: Sequence[Addition]
) -> dict[Addition, KeptResponse]:
    """In the place of what looks for responses to keep as well."""
    async with store._connection.use() as connection:  # noqa: SLF001 -- there is no setting for this, and shall be none
        await connection.execute(statement, *columns(records_of(additions)), timeout=STATEMENT_SECONDS)
    return {}


if __name__ == "__main__":
    del KeylessRoute.takes  # what is left is that of every route
    RecordStore._add = add_records  # type: ignore[method-assign, assignment]  # noqa: SLF001 -- as above
    runpy.run_module("prediction_service", run_name="__main__")
