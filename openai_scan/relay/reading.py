"""What answers one browser: the tail of a log behind a cursor, as bytes, with heartbeats."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from typing import TYPE_CHECKING

from openai_scan.relay.entries import START, Place
from openai_scan.relay.frames import HEARTBEAT, Encoding
from openai_scan.relay.tail import Tail

if TYPE_CHECKING:
    from typing_extensions import Self


class Reading:
    """The frames of one stream for one reader: iterate over it once, with `for` or `async for`.

    It ends with the stream, or when the log cannot be read any more; an `EventSource` then comes
    back with its cursor. Between frames there is a heartbeat every few seconds, so that proxies
    keep the connection and a server notices that a browser has left. `close()` it, or iterate to
    the end, or leave the iterator to the garbage collector.

    Attributes:
        encoding: How entries become bytes; its `headers` are those of the response.
        is_over: Whether the reader has seen the end: answer with status 204, so that an
            `EventSource` does not come back.
    """

    def __init__(
        self,
        encoding: Encoding,
        *,
        tail: Tail | None = None,
        after: Place = START,
        stored: bytes = b"",
        is_over: bool = False,
        heartbeat: float = 15.0,
        release: Callable[[Tail], None] | None = None,
    ) -> None:
        self.encoding = encoding
        self.is_over = is_over
        self._tail = tail
        self._after = after
        self._stored = stored
        self._heartbeat = heartbeat
        self._release = release

    def close(self) -> None:
        """Let go of the tail. Call it any number of times."""
        tail, self._tail = self._tail, None
        if tail is not None and self._release is not None:
            self._release(tail)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        tail = self._tail
        if tail is None:
            if self._stored:
                yield self._stored
            return
        try:
            position, opening = self._begin(tail)
            yield opening
            while True:
                entries = tail.wait(position, self._heartbeat)
                position += len(entries)
                if entries:
                    if frames := self.encoding.frames(entries):
                        yield frames
                elif not tail.is_over:
                    yield HEARTBEAT
                if tail.is_over and position >= len(tail.entries):
                    return
        finally:
            self.close()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        tail = self._tail
        if tail is None:
            if self._stored:
                yield self._stored
            return
        try:
            position, opening = self._begin(tail)
            yield opening
            while True:
                entries = await tail.wait_async(position, self._heartbeat)
                position += len(entries)
                if entries:
                    if frames := self.encoding.frames(entries):
                        yield frames
                elif not tail.is_over:
                    yield HEARTBEAT
                if tail.is_over and position >= len(tail.entries):
                    return
        finally:
            self.close()

    def _begin(self, tail: Tail) -> tuple[int, bytes]:
        position = tail.position_of(self._after)
        return position, self.encoding.opening(tail.entries[:position])
