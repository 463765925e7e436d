"""`GET /limits/refusals`: how many requests were refused, over time."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from gateway.limit.refusal_history import RefusalHistory, RefusedInBucket
from gateway.limit.refused import Reason
from shared.asyncio.clock import utc_now
from shared.contracts.problem import FieldError
from shared.http.openapi import problems
from shared.http.problems import InvalidRequest
from shared.http.strict_route import StrictRoute

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_BUCKETS = 1500
LONGEST_MINUTES = 43_200
"""30 days, as long as they are kept."""

TimeWindowMinutes = Annotated[
    int, Query(ge=1, le=LONGEST_MINUTES, description="Length of the window, which ends now", examples=[60])
]
BucketMinutes = Annotated[int, Query(ge=1, le=1440, description="Width of the buckets", examples=[1])]


class RefusalBucket(BaseModel):
    """What was refused in a stretch of time."""

    start: datetime
    refused: int = Field(description="Requests, for whatever reason")
    ingress: int = Field(description="Of clients that had used up their quota")
    in_flight: int = Field(description="Of clients that waited for as many responses as they may")
    wrong_tokens: int = Field(description="Of clients that had sent too many wrong tokens")


class Refusals(BaseModel):
    """Requests that were refused with 429, by all gateways."""

    total: int
    bucket_minutes: int
    time_window_start: datetime = Field(description="Where the first bucket starts")
    time_window_end: datetime = Field(description="Now: the last bucket may not be over")
    buckets: list[RefusalBucket] = Field(description="From the earliest on, without gaps")


def refusals_router(history: RefusalHistory) -> APIRouter:
    """Refusals over time."""
    router = APIRouter(prefix="/limits", tags=["limits"], route_class=StrictRoute)

    @router.get("/refusals", summary="Requests that were refused, over time", responses=problems(401, 403, 422, 503))
    async def list_refusals(time_window_minutes: TimeWindowMinutes = 60, bucket_minutes: BucketMinutes = 1) -> Refusals:
        """How many requests were answered with 429, by all gateways together, by reason; at most 2 s behind.

        Buckets begin at whole multiples of their width, counted from 1970 in UTC, as those of /metrics/timeseries do.
        At most 1,500 of them. Nothing is known of who was refused.
        """
        if time_window_minutes > MOST_BUCKETS * bucket_minutes:
            message = f"a window of {time_window_minutes:,} min has more than {MOST_BUCKETS:,} of these buckets"
            raise InvalidRequest([FieldError(location="query.bucket_minutes", message=message)])
        end, width = utc_now(), timedelta(minutes=bucket_minutes)
        start = EPOCH + (end - timedelta(minutes=time_window_minutes) - EPOCH) // width * width
        buckets = buckets_of(await history.between(start, end, width), start, end, width)
        return Refusals(
            total=sum(bucket.refused for bucket in buckets),
            bucket_minutes=bucket_minutes,
            time_window_start=start,
            time_window_end=end,
            buckets=buckets,
        )

    return router


def buckets_of(rows: list[RefusedInBucket], start: datetime, end: datetime, width: timedelta) -> list[RefusalBucket]:
    """Every bucket of a window, with what was refused in it."""
    requests = {(row.start, row.reason): row.requests for row in rows}
    found = []
    while start < end:
        counts = {reason: requests.get((start, reason), 0) for reason in Reason}
        found.append(
            RefusalBucket(
                start=start,
                refused=sum(counts.values()),
                ingress=counts[Reason.INGRESS],
                in_flight=counts[Reason.IN_FLIGHT],
                wrong_tokens=counts[Reason.WRONG_TOKENS],
            )
        )
        start += width
    return found
