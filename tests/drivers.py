"""The asynchronous driver as a blocking one, so that the tests of a stream run with both."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
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


class SteppedStreamer:
    """An `AsyncStreamerV2` with the methods of a `StreamerV2`: each steps until it has returned.

    No event loop is needed: the sources of these tests only pause, or block as they always do.
    """

    def __init__(self, source: Any, **settings: Any) -> None:
        self._stream = AsyncStreamerV2(_following(source), **settings)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def next(self) -> bool:
        """Step to the next event."""
        return _run(self._stream.next())

    def read(self, size: int | None = -1) -> bytes:
        """Return text as UTF-8."""
        return _run(self._stream.read(size))

    def final(self) -> Any:
        """Return the whole answer."""
        return _run(self._stream.final())

    def final_as(self, cls: type[T]) -> T:
        """Return the whole answer as an instance of *cls*."""
        return _run(self._stream.final_as(cls))

    def messages(self, choice: int = 0) -> Any:
        """Return the conversation for a chat completion."""
        return _run(self._stream.messages(choice))

    def input_items(self) -> Any:
        """Return the conversation for a response."""
        return _run(self._stream.input_items())

    def text_deltas(self) -> Iterator[str]:
        """Yield the text."""
        return _each(self._stream.text_deltas())

    def __iter__(self) -> Iterator[Event]:
        return _each(self._stream)

    def close(self) -> None:
        """Close the source."""
        _run(self._stream.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _run(self._stream.__aexit__(exc_type, exc, traceback))

    def chain(self, other: Any) -> None:
        """Go on with *other*."""
        self._stream.chain(self._stream if other is self else _following(other))

    def chain_from(self, successor: Callable[[Any, Outcome], Any]) -> None:
        """Go on with what *successor* returns."""

        async def awaited(_stream: AsyncStreamerV2, outcome: Outcome) -> Any:
            await _Pause()
            return _following(successor(self, outcome))

        self._stream.chain_from(awaited)


DRIVERS = {"blocking": StreamerV2, "asynchronous": SteppedStreamer}


def _following(other: Any) -> Any:
    """Return *other*, a streamer, a source or an outcome, for the asynchronous driver."""
    if isinstance(other, SteppedStreamer):
        return other._stream
    try:
        return _Awaited(other)
    except TypeError:
        return other  # to be refused there too


def _each(iterator: Any) -> Iterator[Any]:
    """Yield what *iterator* does."""
    with contextlib.suppress(StopAsyncIteration):
        while True:
            yield _run(anext(iterator))


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run *coroutine*, which only pauses, to its end."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
