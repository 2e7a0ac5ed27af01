"""Serve one browser: the tail of a log after a cursor, as bytes, with heartbeats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from openai_scan.relay.entries import START, Entry, Place
from openai_scan.relay.frames import Encoding
from openai_scan.relay.tail import Tail

if TYPE_CHECKING:
    from typing_extensions import Self


class Reading:
    """The frames of one stream for one reader: an iterator, for `for` or `async for`.

    It ends with the stream, or when the log becomes unreadable; an `EventSource` then reconnects
    with its cursor. Between frames there is a heartbeat every few seconds, so that proxies keep the
    connection and a server notices that a browser has disconnected.

    You may `close()` it, iterate to the end, or drop it: nothing else refers to it. It can be
    iterated once: a second loop continues where the first one stopped. `async for` needs asyncio;
    on Trio, iterate in a thread.

    Attributes:
        encoding: How entries become bytes; its `headers` are those of the response.
        is_over: Whether the reader has seen the end. If so, respond with status 204, so that an
            `EventSource` does not reconnect.
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
    ) -> None:
        self.encoding = encoding
        self.is_over = is_over
        self._tail = tail
        self._after = after
        self._stored = stored
        self._heartbeat = heartbeat
        self._position: int | None = None  # index into the entries; None before the first frame

    def close(self) -> None:
        """Release the log. You may call it any number of times."""
        self._tail = None
        self._stored = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        frames = self._opening()
        while not frames:
            tail, position = self._tail, self._position
            if tail is None or position is None:
                raise StopIteration
            frames = self._frames(tail, tail.wait(position, self._heartbeat))
        return frames

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        frames = self._opening()
        while not frames:
            tail, position = self._tail, self._position
            if tail is None or position is None:
                raise StopAsyncIteration
            frames = self._frames(tail, await tail.wait_async(position, self._heartbeat))
        return frames

    def _opening(self) -> bytes:
        """Return the first frames; for an answer that is only stored, all of it."""
        tail = self._tail
        if tail is None:
            stored, self._stored = self._stored, b""
            return stored
        if self._position is not None:
            return b""
        self._position = tail.position_of(self._after)
        return self.encoding.opening(tail.entries[: self._position])

    def _frames(self, tail: Tail, entries: Sequence[Entry]) -> bytes:
        """Return the frames of *entries* after a wait for *tail*; a heartbeat if there are none."""
        self._position = (self._position or 0) + len(entries)
        is_over = tail.is_over and self._position >= len(tail.entries)
        if is_over:
            self.close()
        if entries:
            return self.encoding.frames(entries)
        return b"" if is_over else self.encoding.heartbeat
