"""Read typed events from an asynchronous source, one `await next()` at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from inspect import isawaitable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

from openai_scan.aio.reading import AsyncSource, Chunks, close_inputs, decided, read_into
from openai_scan.aio.whole import AsyncWhole
from openai_scan.events import Outcome
from openai_scan.sse.source import is_callers
from openai_scan.stream.kinds import AnswerT, EventT
from openai_scan.stream.machine import StreamMachine
from openai_scan.stream.step import ASK_WHAT_NEXT, EVENT, NEED_DATA, SWITCH, Step

if TYPE_CHECKING:
    from typing_extensions import Self

_Next: TypeAlias = "AsyncStreamerV2 | AsyncSource | Outcome"
AsyncSuccessor: TypeAlias = "Callable[[Any, Outcome], Awaitable[_Next] | _Next]"
"""Decides what follows a stream that ended without an error; see `chain_from`."""


class AsyncStreamerV2(AsyncWhole[EventT, AnswerT]):
    """The typed events of an asynchronous stream: `StreamerV2` with `await` where it reads.

    ::

        async with AsyncStreamerV2(response.aiter_bytes()) as s:
            while await s.next():
                print(s.text() or "", end="", flush=True)

    It runs on asyncio and on Trio. Only one task may read it at a time; a second one gets a
    `RuntimeError`. If the task is cancelled, or a signal handler raises an exception, the source is
    closed, the stream ends as `cancelled`, and `next()` raises the exception unchanged.

    You may call `cancel()` from any task and any thread. It interrupts the wait for the source even
    if that is a plain asynchronous iterable.

    Args:
        source: An asynchronous iterable of byte chunks, split anywhere. The streamer owns it from
            now on: `close()` closes it.
        max_event_bytes, strict, require_terminal, note_unknown: See `StreamerV2`.

    Raises:
        TypeError: *source* is text, a single bytes object, or not an asynchronous iterable.
        ValueError: *max_event_bytes* is less than 1.
    """

    _chunks_of = staticmethod(Chunks)

    async def next(self) -> bool:
        """Wait for the next event and step to it; see `StreamerV2.next`."""
        try:
            # Most events have already arrived, and a short coroutine's frame is cheap to create.
            step = self._machine.step(self)
            return step is EVENT or await self._go_on(step)
        except GeneratorExit:  # nothing may be awaited now
            raise
        except BaseException as error:  # a cancellation, or raised by a signal handler
            if is_callers(self._machine.current.source, error):
                await self._abandon()
            raise

    async def _go_on(self, step: Step) -> bool:
        """Do what the machine asks, starting with *step*; return whether there is an event."""
        machine = self._machine
        while step is not EVENT:
            if step is NEED_DATA:
                await read_into(machine.current, self._tee)
            else:
                left, machine.left = machine.left, None
                try:
                    if step is SWITCH:  # first: what follows may be cancelled
                        self._open(machine.current)
                finally:
                    if left is not None:
                        await close_inputs(left)
                if step is ASK_WHAT_NEXT:
                    await self._ask_what_next(machine)
                elif step is not SWITCH:
                    return False
            step = machine.step(self)
        return True

    def __aiter__(self) -> Self:
        """Return the stream itself: `async for` yields its events and raises `err()` at the end."""
        return self

    async def __anext__(self) -> EventT:
        """Return the next event.

        Raises:
            ScanError: The stream ended with an error.
        """
        if await self.next():
            return self.event()
        self._raise_err()
        raise StopAsyncIteration

    async def close(self) -> None:
        """Close the source; see `StreamerV2.close`. `async with` calls it for you."""
        machine = self._machine
        try:
            inputs = machine.leave(self)
        except BaseException:  # raised by an observer; the second call notifies no one
            await close_inputs(*machine.leave(self))
            raise
        if not self._handed_over:
            await close_inputs(*inputs)

    aclose = close  # what contextlib.aclosing() calls

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close; then raise the error, if there is one that you have not checked with `err()`."""
        if exc is not None and not isinstance(exc, Exception):
            await self._abandon()
            return
        await self.close()
        if exc is None and not self._err_seen:
            self._raise_err()

    def cancel(self) -> None:
        """End the stream, from any thread or task and at any moment; see `StreamView.cancel`."""
        super().cancel()
        chunks: Chunks | None = self._machine.current.chunks
        if chunks is not None:  # None while the machine is opening another source
            chunks.wake()

    def chain_from(self, successor: AsyncSuccessor) -> None:
        """Let *successor* decide what follows; see `StreamerV2.chain_from`.

        It may be a coroutine function: `next()` then awaits its result, and `cancel()` interrupts
        it.
        """
        self._follow(successor)

    async def read(self, size: int | None = -1) -> bytes:
        """Return text that has not been returned yet, as UTF-8; see `StreamerV2.read`."""
        text = self._text
        while text.wants(size) and (piece := await self._next_text()) is not None:
            text.write(piece)
        if self._machine.err is not None and text.reports(size):
            self._raise_err()
        return text.take(size)

    def text_deltas(self) -> AsyncIterator[str]:
        """Return the text for `async for`, delta by delta; see `StreamerV2.text_deltas`."""
        return _TextDeltas(self)

    async def _next_text(self) -> str | None:
        """Step to the next event that adds text and return the text; None at the end."""
        while await self.next():
            if text := self.text():
                return text
        return self._machine.answer.flush() or None

    async def _abandon(self) -> None:
        """Close after a cancellation; an exception while closing must not replace it."""
        try:
            await self.close()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001, S110 - the caller raises the cancellation
            pass

    async def _ask_what_next(self, machine: StreamMachine) -> None:
        answer = machine.successor(self, machine.outcome)
        if isawaitable(answer):
            answer = await decided(machine.current, answer)
        self._go_on_with(answer)


class _TextDeltas:
    """The text of a stream. Unlike an asynchronous generator, it needs no closing."""

    def __init__(self, stream: AsyncStreamerV2[Any, Any]) -> None:
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        text = await self._stream._next_text()  # noqa: SLF001 - part of the streamer
        if text is None:
            self._stream._raise_err()  # noqa: SLF001 - likewise
            raise StopAsyncIteration
        return text
