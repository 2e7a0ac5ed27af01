"""Read an asynchronous source into a `RawStream`: the only work of the asynchronous driver."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Iterable
from inspect import isawaitable
from typing import Any, TypeAlias

from openai_scan.aio.waking import Waker, Woken
from openai_scan.errors import ScanError
from openai_scan.sse.raw_stream import RawStream
from openai_scan.sse.source import (
    LiveSource,
    WritableFile,
    broken_off,
    is_callers,
    refuse_text,
    write_all,
)

AsyncSource: TypeAlias = AsyncIterable[bytes]
"""Where an asynchronous stream comes from: an `async for` over it yields byte chunks."""


class Chunks:
    """How a driver reads an asynchronous source.

    Args:
        source: An asynchronous iterable of bytes.

    Attributes:
        iterator: Yields the chunks.
        waker: Interrupts the wait for a chunk; None if the source is live and does that itself.
        of_successor: Interrupts the wait for a successor's decision, while there is one.
        in_use: Whether a task is waiting for a chunk.

    Raises:
        TypeError: *source* is text, a single bytes object, or not an asynchronous iterable.
    """

    def __init__(self, source: Any) -> None:
        refuse_text(source)
        if not isinstance(source, AsyncIterable):
            blocks = isinstance(source, Iterable) or hasattr(source, "read")
            hint = "; use StreamerV2 for blocking sources" if blocks else ""
            raise TypeError(
                f"a source is an async iterable of bytes, not {type(source).__name__}{hint}"
            )
        self.iterator = aiter(source)
        self.waker = None if isinstance(source, LiveSource) else Waker()
        self.in_use = False
        self.of_successor: Waker | None = None

    def begin(self) -> tuple[Awaitable[Any] | None, Any]:
        """Begin to read the next chunk; return what to await for it, or None and the chunk.

        Chunks may arrive faster than they are read, and a coroutine for each would be slow.
        """
        following = anext(self.iterator)
        return (following, None) if self.waker is None else self.waker.begin(following)

    def wake(self) -> None:
        """Interrupt the wait for a chunk: this one or, if there is none, the next one.

        The wait for a successor's decision is interrupted as well. Any thread may call this.
        """
        for waker in (self.waker, self.of_successor):
            if waker is not None:
                waker.wake()


async def read_into(stream: RawStream, tee: WritableFile | None = None) -> None:
    """Read chunks until *stream* has a result or the input ends.

    Args:
        stream: What receives the chunks; its `chunks` are a `Chunks`.
        tee: See `openai_scan.sse.reading.read_into`.

    Raises:
        RuntimeError: Another task is reading the source.
        TypeError: The source yields something that is not bytes.
        BaseException: Your own exceptions; see `openai_scan.sse.reading.read_into`.
    """
    chunks: Chunks = stream.chunks
    if chunks.in_use:  # concurrent reads may confuse the source and end the other task's stream
        raise RuntimeError("another task is reading this stream; only one may read at a time")
    begin = chunks.begin
    if stream.live is not None:
        stream.before_read()
    chunks.in_use = True
    try:
        while True:
            try:
                rest, come = begin()
                chunk: Any = come if rest is None else await rest
            except (StopAsyncIteration, Woken):
                return stream.end()
            except Exception as error:  # any failure of a source ends the stream
                if is_callers(stream.source, error):
                    raise
                return stream.end(error if isinstance(error, ScanError) else broken_off(error))
            has_news = stream.receive(chunk)
            if tee is not None:
                write_all(tee, bytes(chunk))
            if has_news:
                return None
    finally:
        chunks.in_use = False


async def decided(stream: RawStream, decision: Awaitable[Any]) -> Any:
    """Await *decision*, in which a successor decides what follows *stream*, and return it.

    If the stream is cancelled meanwhile, the decision is cancelled too and becomes `cancelled`.
    """
    chunks: Chunks = stream.chunks
    chunks.of_successor = waker = Waker()
    if stream.cancelled:  # cancelled before there was a wait to interrupt
        waker.wake()
    try:
        return await waker.wait(decision)
    except Woken:
        return "cancelled"
    finally:
        chunks.of_successor = None


async def close_inputs(*inputs: RawStream) -> None:
    """Close the sources of *inputs* and their iterators; see `close_all()`.

    An asynchronous generator that another task is reading cannot be closed; instead that task's
    wait is interrupted.
    """
    things: list[object] = []
    for stream in inputs:
        chunks: Chunks | None = stream.chunks
        if chunks is not None:
            things.append(chunks.iterator)
            if is_read(chunks.iterator):
                chunks.wake()
        things.append(stream.source)
    await close_all(*things)


async def close_all(*things: object) -> None:
    """Close each of *things* that can be closed and that no other task is reading.

    Everything is closed, even if closing one of them fails or is cancelled. Afterwards the first
    exception is raised, a cancellation before any error.
    """
    raised: list[BaseException] = []
    for thing in things:
        if is_read(thing):
            continue
        close = getattr(thing, "aclose", None) or getattr(thing, "close", None)
        try:
            closing = None if close is None else close()
            if isawaitable(closing):
                await closing
        except BaseException as error:  # noqa: BLE001 - raised below
            raised.append(error)
    if raised:
        try:
            raise min(raised, key=lambda error: isinstance(error, Exception))
        finally:
            raised.clear()  # its traceback refers to this frame


def is_read(thing: object) -> bool:
    """Return whether *thing* is an asynchronous generator that a task is reading now."""
    return bool(getattr(thing, "ag_running", False))
