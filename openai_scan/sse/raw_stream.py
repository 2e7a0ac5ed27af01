"""The raw events of one source and how its input ended, without reading it.

A driver reads the source, one chunk at a time, and passes each chunk to a `RawStream`. What follows
from the chunks is decided here, once, for drivers that block and drivers that await::

    while (event := stream.next()) is None and not stream.ended:
        ...  # read a chunk: stream.receive(chunk), or stream.end() if there is none

Rules:

- `next()` returns every event that was received before the end of the input, then the bare text
  that the end cut off, then None. From then on `ended` is true, and `err` is the reason; None means
  a clean end.
- Only the first `end()` counts; events received after it are dropped. An event that grows too large
  is an end as well.
- After `cancel()` the next call of `next()` ends the stream, unless it has already ended. Events
  not returned yet are dropped, and an error of the input becomes the cause: a connection that was
  shut down to wake its reader may look broken, or cleanly ended.
- The source is notified and queried, but never read.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

from openai_scan.errors import EventTooLargeError, ScanError, StreamCancelledError
from openai_scan.sse.event import RawEvent
from openai_scan.sse.source import LiveSource, NotingSource
from openai_scan.sse.tokenizer import DEFAULT_MAX_EVENT_BYTES, EventTokenizer


class RawStream:
    """What has been received from one source.

    Args:
        source: The source of the chunks. It is notified and queried, but never read.
        chunks: What the driver reads the source with, such as an iterator; None until it does.
        max_event_bytes: See `EventTokenizer`.
        event_fields: See `EventTokenizer`.
        bare_text: See `EventTokenizer`.

    Attributes:
        tokenizer: Splits the bytes into events.
        source: The source of the chunks.
        chunks: See *chunks*. It is kept for the driver and not used here.
        live: The source if it is live, so that it can be notified of events and woken; else None.
        ready: The events that were received and not returned yet.
        bytes_read: How many bytes have been received.
        heard: How many events have been returned since the last read, without keep-alives.
        ended: Whether `next()` has returned everything.
        err: Why the stream has `ended`; None while it has not, and after a clean end.
        cancelled: Whether `cancel()` has been called.
        interrupted: Whether the input is over or cancelled. While it is not, only `ready`
            matters.
    """

    def __init__(
        self,
        source: Any,
        chunks: Any = None,
        *,
        max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
        event_fields: Iterable[str] = (),
        bare_text: bool = False,
    ) -> None:
        # All attributes are set here, none on the class: Python finds them twice as fast.
        self.tokenizer = EventTokenizer(
            max_event_bytes, event_fields=event_fields, bare_text=bare_text
        )
        self._feed = self.tokenizer.feed
        self._has_bare = bare_text
        self.source = source
        self.chunks = chunks
        self.ready: deque[RawEvent] = deque()
        self.live = source if isinstance(source, LiveSource) else None
        self.bytes_read = 0
        self.heard = 0
        self.ended = False
        self.err: ScanError | None = None
        self.cancelled = False
        self.interrupted = False
        self._over = False  # nothing more will be received
        self._reason: ScanError | None = None  # why, or None

    def receive(self, chunk: Any) -> bool:
        """Take the result of one read.

        Returns:
            Whether to call `next()`. If not, read on.

        Raises:
            TypeError: *chunk* is not bytes-like, which is a bug in the source.
        """
        if type(chunk) is not bytes:
            if not isinstance(chunk, bytes | bytearray | memoryview):
                raise TypeError(f"a source must yield bytes, not {type(chunk).__name__}")
            chunk = bytes(chunk)
        self.bytes_read += len(chunk)
        try:
            events = self._feed(chunk)
            if events:
                if not self._over:
                    self.ready.extend(events)
                return True
        except EventTooLargeError as error:
            self.end(error)
            return True
        return self.cancelled

    def end(self, error: ScanError | None = None) -> None:
        """Note that nothing more will be received, because of *error* if there is one."""
        if not self._over:
            self._over = self.interrupted = True
            self._reason = error

    def drop(self) -> None:
        """End the stream without an error, and drop events not returned: the reader has left."""
        self.ended = True
        self.end()
        self.ready.clear()

    def next(self) -> RawEvent | None:
        """Return the next raw event, or None: read on, unless the stream has `ended`."""
        if self.cancelled and not self.ended:
            self.drop()
            self.err = StreamCancelledError("the stream was cancelled")
            self.err.__cause__ = self._reason
        elif self.ready:
            self.heard += 1
            return self.ready.popleft()
        elif self._over and not self.ended:
            if self._has_bare and (rest := self.tokenizer.rest()):
                self.ready.extend(rest)
                return self.next()
            self.ended = True
            self.err = self._reason
        return None

    def discount(self) -> None:
        """Count the last event as a keep-alive, which does not end the server's silence."""
        self.heard -= 1

    def before_read(self) -> None:
        """Notify a live source, which is about to be read, of the events since the last read."""
        if self.heard and self.live is not None:
            self.heard = 0
            self.live.heard()

    def expire(self, seconds: float | None) -> None:
        """End the input in *seconds*, or lift that limit (None), if the source is live."""
        if self.live is not None:
            self.live.expire(seconds)

    def cancel(self) -> None:
        """End the stream and wake the reader of a live source. Any thread may call it."""
        self.cancelled = self.interrupted = True
        if self.live is not None:
            self.live.cancel()

    @property
    def pending(self) -> RawEvent | None:
        """The block that the end of the input cut off, as an event; None if there is none."""
        return self.tokenizer.pending

    @property
    def notes(self) -> Counter[str]:
        """What was tolerated, with counts, by the tokenizer and by a source that repairs."""
        own = Counter(comment=self.tokenizer.comments, bad_utf8=self.tokenizer.replacements)
        return own + self.source.notes if isinstance(self.source, NotingSource) else +own
