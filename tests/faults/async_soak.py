"""The soak over an asynchronous wire: one event loop reads many streams at once.

Half of the streams that are cancelled are ended by `cancel()` from another thread, the others by
the cancellation of the task that reads them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import define

from faults.cases import Case, Kind, case, expected
from faults.soak import (
    CHECKPOINTS,
    Cancels,
    Levels,
    Seen,
    Soak,
    canceller,
    judge,
    levels_of,
    settings_of,
)
from faults.table import Route
from openai_scan import AsyncClient, AsyncStreamerV2, StreamCancelledError


@define
class AsyncSoak(Soak):
    """A run. Its `threads` are tasks."""

    def run(self, sites: Mapping[str, str]) -> None:
        """Read all streams."""
        with canceller() as cancel, self.no_surprises():
            asyncio.run(self._run(sites, cancel))
        self.compare()

    async def _run(self, sites: Mapping[str, str], cancel: Cancels) -> None:
        asyncio.get_running_loop().set_exception_handler(self._unseen)
        wire: Any = self.wire
        async with contextlib.AsyncExitStack() as stack:
            clients = {
                place: await stack.enter_async_context(AsyncClient("sk-1", sites[place], wire=wire))
                for place in (*(route.name for route in Route), "UNREACHABLE")
            }
            first = 0
            for part in range(1, CHECKPOINTS + 1):
                last = self.streams * part // CHECKPOINTS
                numbers = iter(range(first, last))
                await asyncio.gather(
                    *(self._read_all(numbers, clients, cancel) for _ in range(self.threads))
                )
                first = last
                self.levels.append(await self._levels(last))

    async def _read_all(
        self, numbers: Iterator[int], clients: Mapping[str, AsyncClient], cancel: Cancels
    ) -> None:
        for number in numbers:
            one = case(self.seed, number)
            try:
                seen = await _read(one, clients, cancel)
            except Exception as error:  # noqa: BLE001 - next() raises nothing
                self.wrong.append(f"stream {number}: {error!r}: {one}")
            else:
                self.note(one, seen, judge(expected(one), seen))

    async def _levels(self, streams: int) -> Levels:
        """Return what the process holds; what ends by itself has a moment for it."""
        own = asyncio.current_task()
        for _ in range(1000):
            rest = asyncio.all_tasks() - {own}
            if not rest:
                break
            await asyncio.wait(rest, timeout=0.01)
        else:
            self.wrong.append(f"tasks are left: {rest}")
        return await asyncio.to_thread(levels_of, streams)

    def _unseen(self, _: object, context: dict[str, Any]) -> None:
        self.wrong.append(f"the event loop says: {context}")


async def _read(one: Case, clients: Mapping[str, AsyncClient], cancel: Cancels) -> Seen:
    """Read the stream of a case to its end, or as far as the case says."""
    client = clients["UNREACHABLE" if one.kind is Kind.UNREACHABLE else one.route.name]
    stream = client.create_chat_completion_stream(
        model=str(one.number), messages=[], **settings_of(one)
    )
    read = _reading(one, stream, cancel)
    # A task is cancelled that reads nothing else.
    return await (asyncio.create_task(read) if _by_task(one) else read)


async def _reading(one: Case, s: AsyncStreamerV2, cancel: Cancels) -> Seen:
    text = ""
    cancelled_at: list[float] = []
    stop = _stop(one, s)

    def cancel_it() -> None:
        cancelled_at.append(time.monotonic())
        stop()

    async def come_to(events: int) -> None:
        """Do what the case says the reader does after so many events."""
        if events == one.before and one.kind is Kind.LEAVE:
            await s.close()
        if events == one.before and one.kind is Kind.CANCEL:
            cancel.put(cancel_it)

    ended_at = 0.0
    by_task = False
    try:
        await come_to(0)
        while await s.next():
            text += s.text() or ""
            await come_to(s.events_read)
        ended_at = time.monotonic()
        await s.close()
    except asyncio.CancelledError:
        assert _by_task(one)
        by_task = s.outcome == "cancelled"  # or else it came after the end
        ended_at = ended_at or time.monotonic()
        await s.close()
    # A stream whose task was cancelled has no error: the task has.
    error = StreamCancelledError("cancelled") if by_task else s.err()
    return Seen(
        (str(s.outcome), None if error is None else type(error).__name__),
        s.events_read,
        text,
        ended_at - cancelled_at[0] if isinstance(error, StreamCancelledError) else None,
    )


def _by_task(one: Case) -> bool:
    return one.kind is Kind.CANCEL and one.number % 2 == 0


def _stop(one: Case, s: AsyncStreamerV2) -> Callable[[], object]:
    """Return what ends the stream, from any thread."""
    task = asyncio.current_task()
    if task is None or not _by_task(one):
        return s.cancel
    loop = asyncio.get_running_loop()
    return lambda: loop.call_soon_threadsafe(task.cancel)
