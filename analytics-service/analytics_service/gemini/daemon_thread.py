"""Blocking work in a daemon thread of its own."""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


async def in_thread(work: Callable[[], Result]) -> Result:
    """Runs `work`, in the caller's context. Whoever is cancelled meanwhile leaves it to itself."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(finish: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            finish(value)

    def run() -> None:
        finish: Callable[[Any], None]
        value: Any
        try:
            finish, value = future.set_result, work()
        except BaseException as error:  # noqa: BLE001 -- whatever the work raised is for the one who asked
            finish, value = future.set_exception, error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
            loop.call_soon_threadsafe(settle, finish, value)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(run,), name="gemini-call", daemon=True).start()
    return await future
