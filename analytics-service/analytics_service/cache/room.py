"""Room for reports: however many different questions are asked, what Redis keeps of them is bounded in bytes.

What was stored is noted down with its size in one place, and the oldest makes way. In a cluster that place and the
reports are on different servers, so this is no one transaction: what a process that dies in between leaves behind goes
when its time is over, as everything does.
"""

from collections.abc import Mapping

from redis.asyncio import Redis

from analytics_service.cache.border import script
from analytics_service.cache.key import FENCE_PREFIX, REPORT_PREFIX

ORDER, SIZES, SUM = "analysis:kept:{kept}:order", "analysis:kept:{kept}:sizes", "analysis:kept:{kept}:sum"

ROOM_BYTES = 16 * 1024 * 1024
"""Some thousand reports. Redis itself then takes about as much again, at most."""

OVERHEAD_BYTES = 1024
"""What an entry takes besides its text: its name in four places, its fence, and Redis's own records of all that."""


class ReportRoom:
    """At most `room_bytes` for reports."""

    def __init__(self, redis: Redis, room_bytes: int) -> None:
        self._redis, self._room_bytes = redis, room_bytes
        self._keep_script = script(redis, "report_keep")

    async def make_for(self, sizes: Mapping[str, int]) -> None:
        """Notes down what was stored, with the size of each text, and removes what is too much by now."""
        noted = [word for name, size in sizes.items() for word in (name, size + OVERHEAD_BYTES)]
        for name in await self._keep_script(keys=[ORDER, SIZES, SUM], args=[self._room_bytes, *noted]):
            await self._redis.unlink(*names_beside(str(name)))

    async def forget_all(self) -> None:
        """Everything was removed."""
        await self._redis.unlink(ORDER, SIZES, SUM)


def names_beside(name: str) -> list[str]:
    """An entry and what is kept for it alone."""
    if name.startswith(REPORT_PREFIX):
        return [name, FENCE_PREFIX + name.removeprefix(REPORT_PREFIX)]
    return [name]
