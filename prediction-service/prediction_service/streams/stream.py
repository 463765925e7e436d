"""One stream from its first byte to its last line.

Three things go on at a time: reading makes rows of what comes and hands them to the model in groups; answering takes
the groups in their order, once they are on record, and makes lines of them; sending gives the lines to the client.
Each waits for the next when that has enough to do, so that nothing grows with the length of the stream.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any

from prometheus_client import Counter

from prediction_service.batching.problems import CallerLeft
from prediction_service.predict import Predicted
from prediction_service.streams.groups import Groups, Result
from prediction_service.streams.outlet import NoRoom, Outlet
from prediction_service.streams.places import GROUP_BYTES, GROUP_ROWS
from prediction_service.streams.row import LineWriter, Row, RowReader, StreamFault
from shared.asyncio.background import end

GROUPS_IN_FLIGHT = 4
"""Of one stream: one at the model, one that waits for it, one being recorded, one being written. With 256 KiB each, or
one row of 1 MiB, and eight streams, that is 8 MiB in all, as it was sent."""

ROWS = Counter("prediction_stream_rows", "Rows of streams", ["result"])

Send = Callable[[bytes], Awaitable[None]]
Left = Callable[[], Coroutine[Any, Any, None]]
Group = tuple[list[Row], asyncio.Task[list[Result]]]


class Stream:
    """`one_way`: no line may be sent before the body has ended."""

    def __init__(self, reader: RowReader, writer: LineWriter, groups: Groups, outlet: Outlet, *, one_way: bool) -> None:
        self._reader, self._writer, self._groups, self._outlet = reader, writer, groups, outlet
        self._order: asyncio.Queue[Group | None] = asyncio.Queue()  # None: no more will come
        self._free = asyncio.Semaphore(GROUPS_IN_FLIGHT)
        self._may_send = asyncio.Event()
        if not one_way:
            self._may_send.set()
        self._fault = ""
        self._rows = self._failed = 0  # that have a line, and those of them that have an error

    @property
    def is_complete(self) -> bool:
        """Whether each row of the body has its line."""
        return not self._fault

    async def run(self, body: AsyncIterator[bytes], send: Send, left: Left) -> None:
        """Returns once the last line was sent, of a stream that is complete or of one that is not.

        `left` returns when the client has left. Raises CallerLeft; and, before anything was sent, InvalidRequest for a
        head that does not suit the model.
        """
        reading = asyncio.create_task(self._read(body))
        answering, sending = asyncio.create_task(self._answer()), asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(left())
        going_on = {reading, answering, sending, leaving}
        try:
            with self._outlet.open():
                while sending in going_on:
                    done, going_on = await asyncio.wait(going_on, return_when=asyncio.FIRST_COMPLETED)
                    for task in done - {leaving}:
                        task.result()
                    if leaving in done:
                        raise CallerLeft
                    if answering in done and reading in going_on:
                        await end(reading)
                        going_on.discard(reading)
        finally:
            await end(reading, answering, sending, leaving, *self._unanswered())

    def _unanswered(self) -> Iterator[asyncio.Task[list[Result]]]:
        """The groups for which nobody waits any more."""
        while not self._order.empty():
            group = self._order.get_nowait()
            if group is not None:
                yield group[1]

    async def _read(self, body: AsyncIterator[bytes]) -> None:
        """Rows into groups, as far as there are places for them. Raises InvalidRequest."""
        try:
            async for data in body:
                self._reader.feed(data, last=False)
                await self._begin_groups()
            self._reader.feed(b"", last=True)
            await self._begin_groups()
        except StreamFault as fault:
            self._fault = str(fault)
        self._may_send.set()
        self._order.put_nowait(None)

    async def _begin_groups(self) -> None:
        while rows := self._reader.take(GROUP_ROWS, GROUP_BYTES):
            await self._free.acquire()
            task = asyncio.create_task(self._groups.predict([row for row in rows if not row.fault]))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # somebody has seen it
            self._order.put_nowait((rows, task))
            await asyncio.sleep(0)  # others have a turn at the event loop

    async def _answer(self) -> None:
        """Groups into lines, in order, until there are no more, or one of them cannot be had."""
        begun = False
        try:
            while (group := await self._order.get()) is not None:
                rows, task = group
                lines = self._lines(rows, await task)
                await self._outlet.put(
                    lines if begun else self._writer.head() + lines, may_wait=self._may_send.is_set()
                )
                begun = True
                self._rows += len(rows)
                self._free.release()
        except (StreamFault, NoRoom) as fault:
            self._fault = str(fault)
        last = b"" if begun else self._writer.head()
        if self._fault:
            last += self._writer.broken(self._rows, self._failed, self._fault)
        else:
            last += self._writer.end(self._rows, self._failed)
        self._may_send.set()
        self._outlet.end(last)

    def _lines(self, rows: Sequence[Row], results: Sequence[Result]) -> bytes:
        """One for each row."""
        lines, failed, found = list[bytes](), 0, iter(results)
        for row in rows:
            result = None if row.fault else next(found)
            if isinstance(result, Predicted):
                lines.append(self._writer.prediction(row, result))
            else:
                failed += 1
                reason = row.fault if result is None else result.detail or result.title
                lines.append(self._writer.error(row, reason))
        self._failed += failed
        ROWS.labels("predicted").inc(len(rows) - failed)
        ROWS.labels("error").inc(failed)
        return b"".join(lines)

    async def _send(self, send: Send) -> None:
        """What the outlet has, as soon as it may be sent."""
        await self._may_send.wait()
        while data := await self._outlet.take():
            await send(data)
