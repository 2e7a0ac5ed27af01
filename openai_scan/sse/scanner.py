"""Read raw events from a source, one `next()` at a time."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from openai_scan.errors import ScanError, StreamCancelledError, TransportError
from openai_scan.sse.tokenizer import DEFAULT_MAX_EVENT_BYTES, EventTokenizer, RawEvent

if TYPE_CHECKING:
    from typing_extensions import Self

# As large as the chunks that a socket hands over; a larger read only waits longer to be filled.
_READ_BYTES = 64 * 1024

_END = object()


class BinaryFile(Protocol):
    """A binary file object: anything with `read(size) -> bytes`, such as an open file."""

    def read(self, size: int, /) -> bytes:
        """Return at most *size* bytes, and none at the end of the file only."""


class WritableFile(Protocol):
    """Where `tee()` may write to: anything with `write(bytes)`."""

    def write(self, data: bytes, /) -> Any:
        """Write *data*; return how many bytes were taken, or None for all of them."""


Source: TypeAlias = "Iterable[bytes] | BinaryFile"
"""Where a stream comes from: an iterable of byte chunks, split anywhere, or a binary file."""


@runtime_checkable
class LiveSource(Protocol):
    """What a source can do beyond yielding chunks if a live connection is behind it."""

    def cancel(self) -> None:
        """Wake the reader from whatever it is waiting for. Any thread may call it."""

    def expire(self, seconds: float | None) -> None:
        """End the input *seconds* from now if it has not ended by then; None takes that back."""

    def heard(self) -> None:
        """Take note that an event has come, and no mere keep-alive."""


@runtime_checkable
class NotingSource(Protocol):
    """A source that mends what it gets before it hands it over."""

    notes: Counter[str]
    """What was mended, counted."""


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
        max_event_bytes: How many bytes of one event may be kept.
        event_fields: Fields beyond the standard, see `EventTokenizer`.

    Raises:
        TypeError: *source* is neither of the two.
    """

    bytes_read: int = 0
    """How many bytes the source has yielded."""

    def __init__(
        self,
        source: Source,
        *,
        max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
        event_fields: Iterable[str] = (),
    ) -> None:
        self.tokenizer = EventTokenizer(max_event_bytes, event_fields=event_fields)
        self.source = source
        self._chunks = chunks_of(source)
        self._live = source if isinstance(source, LiveSource) else None
        self._heard = 0  # how many events since the last read
        self._ready: Iterator[RawEvent] = iter(())  # complete, and not handed out yet
        self._event: RawEvent | None = None
        self._err: ScanError | None = None
        self._ended = False
        self._cancelled = False
        self._tee: WritableFile | None = None

    def next(self) -> bool:
        """Wait for the next event and step to it.

        Never raises for bad bytes or a bad network: it returns False at the end and after an
        error, and from then on; `err()` tells which.
        """
        self._event = None
        while not self._ended:
            if self._cancelled:
                return self._end(None)
            try:
                event = next(self._ready, None)
            except ScanError as error:  # an event grew too large
                return self._end(error)
            if event is not None:
                self._event = event
                self._heard += 1
                return True
            self._read()
        return False

    def discount(self) -> None:
        """Say that the current event only kept the connection alive: it counts as silence."""
        self._heard -= 1

    def event(self) -> RawEvent:
        """Return the current event.

        Raises:
            RuntimeError: The last `next()` was not True, or there was none.
        """
        if self._event is None:
            raise RuntimeError("there is no event: call event() only after next() returned True")
        return self._event

    def err(self) -> ScanError | None:
        """Return None after a clean end or while it runs; else the first error, for good."""
        return self._err

    @property
    def notes(self) -> Counter[str]:
        """What was tolerated, counted: by the tokenizer, and by a source that counts as well."""
        own = Counter(comment=self.tokenizer.comments, bad_utf8=self.tokenizer.replacements)
        return own + self.source.notes if isinstance(self.source, NotingSource) else own

    @property
    def pending(self) -> RawEvent | None:
        """The block that the end of the input cut off, which is not an event; or None."""
        return self.tokenizer.pending

    def tee(self, file: WritableFile) -> None:
        """Write every byte read from now on to *file* as well.

        An error in writing is the caller's own and is raised by `next()` as it is; the events
        of that chunk are not lost and come with the calls after it.
        """
        self._tee = file

    def cancel(self) -> None:
        """End the scan from any thread; a reader that waits for a live source returns at once.

        A reader that waits for a plain file or iterable returns when that hands over a chunk.
        """
        self._cancelled = True
        if self._live is not None:
            self._live.cancel()

    def expire(self, seconds: float | None) -> None:
        """End the input *seconds* from now, or not (None), if its source is live."""
        if self._live is not None:
            self._live.expire(seconds)

    def close(self) -> None:
        """Let go of the source. What was read but not handed out is dropped."""
        self._ended = True
        self._event = None
        for closeable in (self._chunks, self.source):
            close = getattr(closeable, "close", None)
            if close is not None:
                close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self) -> None:
        """Take chunks from the source until one of them completes an event, or end."""
        if self._heard and self._live is not None:
            self._heard = 0
            self._live.heard()
        events: Iterable[RawEvent] = ()
        while not (events or self._ended or self._cancelled):
            try:
                chunk = next(self._chunks, _END)
            except ScanError as error:
                self._end(error)
                return
            except Exception as error:  # noqa: BLE001 - the border: all of it is translated
                self._end(broken_off(error))
                return
            if type(chunk) is not bytes:
                if chunk is _END:
                    self._end(None)
                    return
                if not isinstance(chunk, bytes | bytearray | memoryview):
                    raise TypeError(f"a source yields bytes, not {type(chunk).__name__}")
                chunk = bytes(chunk)
            self.bytes_read += len(chunk)
            try:
                events = self.tokenizer.feed(chunk)
            except ScanError as error:
                self._end(error)
            self._ready = iter(events)
            if self._tee is not None:
                write_all(self._tee, chunk)

    def _end(self, error: ScanError | None) -> bool:
        # A connection that was shut down to wake the reader may look broken, or cleanly ended.
        if self._cancelled:
            cancelled = StreamCancelledError("the stream was cancelled")
            cancelled.__cause__ = error
            error = cancelled
        self._ended = True
        self._err = error
        return False


def chunks_of(source: Any) -> Iterator[bytes]:
    """Return an iterator over the chunks of *source*.

    Raises:
        TypeError: It is text, or one bytes object, or not iterable.
    """
    if isinstance(source, str | bytes | bytearray | memoryview):
        raise TypeError("a source is an iterable of chunks: put a single one into a list")
    if isinstance(source, io.TextIOBase):
        raise TypeError('a source is binary: open the file with mode "rb"')
    # read1() returns what is there; read() of a buffered file waits until all is filled.
    read = getattr(source, "read1", None) or getattr(source, "read", None)
    if read is not None:
        return iter(lambda: read(_READ_BYTES), b"")
    if not isinstance(source, Iterable):
        raise TypeError(
            f"a source is an iterable of bytes or a binary file, not {type(source).__name__}"
        )
    return iter(source)


def broken_off(error: Exception) -> TransportError:
    """Return the error of a stream whose source raised *error*."""
    failed = TransportError(f"the source broke off: {type(error).__name__}: {error}")
    failed.__cause__ = error
    return failed


def write_all(file: WritableFile, data: bytes) -> None:
    """Write all of *data*, also to a raw file that takes only a part at a time."""
    while data:
        written = file.write(data)
        if not isinstance(written, int) or written >= len(data):
            return
        if written < 1:
            raise OSError("the file of tee() takes no more bytes")
        data = data[written:]
