"""Read raw events from a source, one `next()` at a time."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING

from openai_scan.errors import ScanError
from openai_scan.sse.event import RawEvent
from openai_scan.sse.raw_stream import RawStream
from openai_scan.sse.reading import close_inputs, read_into
from openai_scan.sse.source import Source, WritableFile, chunks_of, is_callers
from openai_scan.sse.tokenizer import DEFAULT_MAX_EVENT_BYTES, EventTokenizer

if TYPE_CHECKING:
    from typing_extensions import Self


class EventScanner:
    """The raw events of a source, read as Go's `bufio.Scanner` reads lines.

    ::

        scanner = EventScanner(open("recording.sse", "rb"))
        while scanner.next():
            print(scanner.event().data)
        if err := scanner.err():
            raise err

    Args:
        source: An iterable of byte chunks or a binary file object. `close()` closes it too.
        max_event_bytes: How many bytes of one event may be buffered.
        event_fields: Fields beyond the standard; see `EventTokenizer`.

    Raises:
        TypeError: *source* is text, a single bytes object, or not a source at all.
        ValueError: *max_event_bytes* is less than 1.
    """

    def __init__(
        self,
        source: Source,
        *,
        max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
        event_fields: Iterable[str] = (),
    ) -> None:
        self._stream = RawStream(
            source,
            chunks_of(source),
            max_event_bytes=max_event_bytes,
            event_fields=event_fields,
        )
        self._event: RawEvent | None = None
        self._tee: WritableFile | None = None

    def next(self) -> bool:
        """Wait for the next event and step to it.

        Never raises for bad bytes or a bad network: it returns False at the end and after an
        error, and from then on. `err()` says which it was.

        Your own exceptions that interrupt the wait, such as those of a signal handler, pass through
        unchanged. The source is closed then, and the scan is over, without an error.
        """
        stream = self._stream
        while (event := stream.next()) is None and not stream.ended:
            self._event = None
            try:
                read_into(stream, self._tee)
            except BaseException as error:
                if is_callers(stream.source, error):
                    # An error while closing must not replace the interruption.
                    with contextlib.suppress(Exception):
                        self.close()
                raise
        self._event = event
        return event is not None

    def event(self) -> RawEvent:
        """Return the current event.

        Raises:
            RuntimeError: The last `next()` was not True, or there was none.
        """
        if self._event is None:
            raise RuntimeError("there is no event: call event() only after next() returns True")
        return self._event

    def err(self) -> ScanError | None:
        """Return the error that ended the scan, or None after a clean end or while it runs."""
        return self._stream.err

    @property
    def tokenizer(self) -> EventTokenizer:
        """The tokenizer, which has `last_event_id` and `reconnection_time`."""
        return self._stream.tokenizer

    @property
    def source(self) -> Source:
        """The source of the events."""
        source: Source = self._stream.source
        return source

    @property
    def bytes_read(self) -> int:
        """How many bytes the source has yielded."""
        return self._stream.bytes_read

    @property
    def notes(self) -> Counter[str]:
        """What was tolerated, with counts, by the tokenizer and by a source that repairs."""
        return self._stream.notes

    @property
    def pending(self) -> RawEvent | None:
        """The block that the end of the input cut off, as an event; None if there is none."""
        return self._stream.pending

    def discount(self) -> None:
        """Count the current event as a keep-alive, which does not end the server's silence."""
        self._stream.discount()

    def expire(self, seconds: float | None) -> None:
        """End the input in *seconds*, or lift that limit (None), if the source is live."""
        self._stream.expire(seconds)

    def tee(self, file: WritableFile) -> None:
        """Also write every byte read from now on to *file*.

        The file stays open; closing it is up to you. `next()` raises an error in writing unchanged;
        the events of that chunk are not lost: the next calls deliver them.
        """
        self._tee = file

    def cancel(self) -> None:
        """End the scan, from any thread; `err()` is then a `StreamCancelledError`.

        A reader that waits for a live source returns at once. One that waits for a plain file or
        iterable returns when it yields its next chunk.
        """
        self._stream.cancel()

    def close(self) -> None:
        """Close the source. Events not returned yet are dropped."""
        self._event = None
        self._stream.drop()
        close_inputs(self._stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
