"""The asynchronous driver as a blocking one, so that the tests of a stream run with both.

`wires.py` does the same for clients.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Generator, Iterator
from types import TracebackType
from typing import Any, TypeVar

from typing_extensions import Self

from openai_scan import Event, Outcome, StreamerV2
from openai_scan.aio import AsyncStreamerV2
from openai_scan.sse.source import chunks_of

T = TypeVar("T")


class _Pause:
    """What a source waits for that lets the event loop run for one round."""

    def __await__(self) -> Generator[None]:
        yield


class _Awaited:
    """A blocking source as an asynchronous one, live if the other is."""

    def __init__(self, source: Any) -> None:
        chunks_of(source)  # or it is refused
        self.blocking = source
        for name in ("close", "cancel", "expire", "heard"):
            if hasattr(source, name):
                setattr(self, name, getattr(source, name))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number, chunk in enumerate(chunks_of(self.blocking)):
            if number % 8 == 0:  # a pause takes its time, and some streams come byte by byte
                await _Pause()
            yield chunk


class BlockingFacade:
    """An `AsyncStreamerV2` with the methods of a `StreamerV2`.

    Args:
        stream: What it is the facade of.
        run: Runs a coroutine to its end.
    """

    def __init__(
        self, stream: AsyncStreamerV2, run: Callable[[Coroutine[Any, Any, Any]], Any]
    ) -> None:
        self._stream = stream
        self._run = run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def next(self) -> Any:
        """Step to the next event."""
        return self._run(self._stream.next())

    def read(self, size: int | None = -1) -> Any:
        """Return text as UTF-8."""
        return self._run(self._stream.read(size))

    def final(self) -> Any:
        """Return the whole answer."""
        return self._run(self._stream.final())

    def final_as(self, cls: type[Any]) -> Any:
        """Return the whole answer as an instance of *cls*."""
        return self._run(self._stream.final_as(cls))

    def messages(self, choice: int = 0) -> Any:
        """Return the conversation for a chat completion."""
        return self._run(self._stream.messages(choice))

    def input_items(self) -> Any:
        """Return the conversation for a response."""
        return self._run(self._stream.input_items())

    def text_deltas(self) -> Iterator[str]:
        """Yield the text."""
        return self._each(self._stream.text_deltas())

    def __iter__(self) -> Iterator[Event]:
        return self._each(self._stream)

    def close(self) -> None:
        """Close the source."""
        self._run(self._stream.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._run(self._stream.__aexit__(exc_type, exc, traceback))

    def chain(self, other: Any) -> None:
        """Continue with *other*."""
        self._stream.chain(self._stream if other is self else following(other))

    def chain_from(self, successor: Callable[[Any, Outcome], Any]) -> None:
        """Continue with what *successor* returns."""

        async def awaited(_stream: AsyncStreamerV2, outcome: Outcome) -> Any:
            await _Pause()
            return following(successor(self, outcome))

        self._stream.chain_from(awaited)

    def _each(self, iterator: Any) -> Iterator[Any]:
        """Yield what *iterator* does."""
        with contextlib.suppress(StopAsyncIteration):
            while True:
                yield self._run(_next_of(iterator))


class SteppedStreamer(BlockingFacade):
    """A facade whose methods step until they have returned.

    No event loop is needed: the sources of these tests only pause, or block as they always do.
    """

    def __init__(self, source: Any, **settings: Any) -> None:
        super().__init__(AsyncStreamerV2(following(source), **settings), _run)


DRIVERS = {"blocking": StreamerV2, "asynchronous": SteppedStreamer}


def following(other: Any) -> Any:
    """Return *other*, a streamer, a source or an outcome, for the asynchronous driver."""
    if isinstance(other, BlockingFacade):
        return other._stream
    if isinstance(other, AsyncIterable):
        return other
    try:
        return _Awaited(other)
    except TypeError:
        return other  # to be refused there too


async def _next_of(iterator: Any) -> Any:
    return await anext(iterator)


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run *coroutine*, which only pauses, to its end."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
