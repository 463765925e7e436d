"""How the waiting of a request ends: with its results, with its time, or with its caller."""

import asyncio
from time import perf_counter

from prediction_service.batching.problems import CallerLeft
from prediction_service.request.caller import Caller


async def ended(done: asyncio.Future[bool], deadline: float, caller: Caller) -> bool:
    """Waits until all results are there (True) or the time is up (False); `done` tells which.

    Raises CallerLeft, and what `done` has failed with.
    """

    def give_up() -> None:
        if not done.done():
            done.set_result(False)

    def leave(_: object) -> None:
        if not done.done():
            done.set_exception(CallerLeft())

    timer = asyncio.get_running_loop().call_later(deadline - perf_counter(), give_up)
    leaving = None if caller.left is None else asyncio.ensure_future(caller.left())
    if leaving is not None:
        leaving.add_done_callback(leave)
    try:
        return await done
    finally:
        timer.cancel()
        if leaving is not None:
            leaving.cancel()
