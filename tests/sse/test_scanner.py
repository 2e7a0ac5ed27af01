"""The scanner reads any source, reports every end, and keeps the first error."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from properties import TAIL, byte_by_byte

from openai_scan import (
    EventTooLargeError,
    ScanError,
    StreamCancelledError,
    StreamTimeoutError,
    TransportError,
)
from openai_scan.sse import EventScanner, LiveSource, RawEvent, Source

STREAM = b"event: a\ndata: 1\n\nid: 7\ndata: 2\n\n"
EVENTS = [RawEvent("a", "1", ""), RawEvent("message", "2", "7")]


def scan(source: Source, **settings: Any) -> list[RawEvent]:
    """Return all events of *source*; make sure that it ends cleanly."""
    scanner = EventScanner(source, **settings)
    events = []
    while scanner.next():
        events.append(scanner.event())
    assert scanner.err() is None
    assert not scanner.next()
    return events


class Broken:
    """A source that yields some chunks and then raises."""

    def __init__(self, chunks: list[bytes], error: BaseException) -> None:
        self.chunks = chunks
        self.error = error

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks
        raise self.error


class Live:
    """A live connection: it yields its chunks and waits until it is cancelled.

    Args:
        chunks: What it yields at first.
        last_words: What a cancelled one does: end, yield a chunk, or raise.
    """

    def __init__(self, *chunks: bytes, last_words: bytes | Exception | None = None) -> None:
        self.chunks = chunks
        self.last_words = last_words
        self.waiting = threading.Event()
        self.cancelled = threading.Event()
        self.deadlines: list[float | None] = []
        self.heard_count = 0

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks
        self.waiting.set()
        assert self.cancelled.wait(timeout=60)  # only so that a test that fails does not hang
        if isinstance(self.last_words, Exception):
            raise self.last_words
        if self.last_words is not None:
            yield self.last_words

    def cancel(self) -> None:
        """Wake the reader."""
        self.cancelled.set()

    def expire(self, seconds: float | None) -> None:
        """Remember the deadline."""
        self.deadlines.append(seconds)

    def heard(self) -> None:
        """Count the reads before which an event had come."""
        self.heard_count += 1


class Closeable:
    """A source that counts how often it is closed."""

    closed = 0

    def __iter__(self) -> Iterator[bytes]:
        yield STREAM

    def close(self) -> None:
        """Count."""
        self.closed += 1


# Sources.


@pytest.mark.parametrize("kind", [list, tuple, iter, lambda chunks: (chunk for chunk in chunks)])
def test_any_iterable_of_chunks_is_a_source(kind: Callable[[list[bytes]], Iterable[bytes]]) -> None:
    """A list, a tuple, an iterator or a generator of chunks is read to its end."""
    assert scan(kind([STREAM])) == EVENTS
    assert scan(kind(byte_by_byte(STREAM))) == EVENTS
    assert scan(kind([STREAM, TAIL])) == EVENTS
    assert scan(kind([])) == []


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_chunks_may_be_any_kind_of_bytes(kind: type) -> None:
    """Bytes, bytearrays and memoryviews are chunks, empty ones too."""
    assert scan([kind(chunk) for chunk in (b"", STREAM[:9], b"", STREAM[9:])]) == EVENTS


def test_an_empty_chunk_is_not_the_end() -> None:
    """An iterable may yield empty chunks and continue."""
    assert scan([b"data: 1\n", b"", b"\n", b"", b"data: 2\n\n"]) == [
        RawEvent("message", "1"),
        RawEvent("message", "2"),
    ]


@pytest.mark.parametrize("buffering", [0, 1024])
def test_a_binary_file_is_a_source(tmp_path: Path, buffering: int) -> None:
    """A file opened in binary mode, buffered or not, is read to its end and then closed."""
    path = tmp_path / "recording.sse"
    path.write_bytes(STREAM * 100)
    with path.open("rb", buffering=buffering) as file:
        scanner = EventScanner(file)
        count = 0
        while scanner.next():
            count += 1
        assert scanner.err() is None
        assert count == 200
        scanner.close()
        assert file.closed


def test_anything_with_read_is_a_source() -> None:
    """An object needs no more than read(size), and ends where that returns nothing."""

    class Slow:
        def __init__(self) -> None:
            self.rest = STREAM

        def read(self, size: int, /) -> bytes:
            assert size > 0
            chunk, self.rest = self.rest[:5], self.rest[5:]
            return chunk

    assert scan(Slow()) == EVENTS


def test_a_file_is_asked_for_what_is_there() -> None:
    """If there is a read1(), it is called, since read() waits until its buffer is full."""
    asked = []

    class Socket(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            asked.append(size)
            return super().read1(size)

    assert scan(Socket(STREAM)) == EVENTS
    assert asked == [65_536, 65_536]  # the stream, and its end


@pytest.mark.parametrize(
    "source",
    [
        *["data: x\n\n", b"data: x\n\n", bytearray(b"x"), memoryview(b"x"), None, 7, object()],
        *[io.StringIO("data: x\n\n"), io.TextIOWrapper(io.BytesIO(b"data: x\n\n"))],
    ],
    ids=lambda source: type(source).__name__,
)
def test_what_is_not_a_source_is_refused(source: object) -> None:
    """Text, a single chunk, a text file or no iterable at all is refused at once."""
    with pytest.raises(TypeError, match="a source is"):
        EventScanner(source)  # type: ignore[arg-type] # that is the point


@pytest.mark.parametrize("chunk", ["data: x\n\n", None, 7], ids=repr)
def test_a_chunk_that_is_not_bytes_is_refused(chunk: object) -> None:
    """A source of something else is the caller's mistake, which next() raises."""
    scanner = EventScanner([b"data: x\n\n", chunk])  # type: ignore[list-item] # that is the point
    assert scanner.next()
    with pytest.raises(TypeError, match=f"a source must yield bytes, not {type(chunk).__name__}"):
        scanner.next()


# The contract of next(), event() and err().


def test_there_is_no_event_before_the_first_next() -> None:
    """Before next() was True there is no event to ask for."""
    scanner = EventScanner([STREAM])
    with pytest.raises(RuntimeError) as refused:
        scanner.event()
    assert str(refused.value) == ("there is no event: call event() only after next() returns True")


def test_event_may_be_asked_for_again() -> None:
    """The current event stays current until the next step."""
    scanner = EventScanner([STREAM])
    assert scanner.next()
    assert scanner.event() is scanner.event()
    assert scanner.next()
    assert scanner.event() == EVENTS[1]


def test_there_is_no_event_after_the_end() -> None:
    """At the end the last event is forgotten, and next() stays False."""
    scanner = EventScanner([STREAM])
    assert scanner.next()
    assert scanner.next()
    for _ in range(3):
        assert not scanner.next()
        assert scanner.err() is None
        with pytest.raises(RuntimeError):
            scanner.event()


def test_next_reads_no_further_than_it_has_to() -> None:
    """An event is handed out before the source is asked for another chunk."""
    source = iter([b"data: 1\n\ndata: 2\n\n", b"data: 3\n\n"])
    scanner = EventScanner(source)
    assert scanner.next()
    assert scanner.next()
    assert next(source) == b"data: 3\n\n"


def test_bytes_read_counts_all_bytes() -> None:
    """bytes_read is what the source has yielded, whether or not it made events."""
    scanner = EventScanner([b": x\n", STREAM, b"", b"data: cut"])
    assert scanner.bytes_read == 0
    assert scanner.next()
    assert scanner.bytes_read == 4 + len(STREAM)
    while scanner.next():
        pass
    assert scanner.bytes_read == 4 + len(STREAM) + 9


def test_pending_is_what_the_end_cut_off() -> None:
    """A block without its blank line is not an event, but can be asked for."""
    scanner = EventScanner([STREAM, b"event: b\ndata: 3\nda", b"ta: 4"])
    assert scanner.next()
    assert scanner.next()
    assert not scanner.next()
    assert scanner.err() is None
    assert scanner.pending == RawEvent("b", "3\n4", "7")


def test_nothing_is_pending_after_a_whole_stream() -> None:
    """A stream that ends with its last blank line leaves nothing behind."""
    scanner = EventScanner([STREAM])
    while scanner.next():
        pass
    assert scanner.pending is None


def test_event_fields_are_passed_on() -> None:
    """Fields beyond the standard are read if they are asked for."""
    stream = b'error: {"code":400}\n\n'
    for chunks in ([stream], byte_by_byte(stream), [stream, TAIL]):
        assert scan(chunks, event_fields=["error"]) == [RawEvent("error", '{"code":400}')]
        assert scan(chunks) == []


# Errors.


@pytest.mark.parametrize("error", [OSError("reset"), ValueError("odd"), RuntimeError("worse")])
@pytest.mark.parametrize("chunks", [[STREAM], byte_by_byte(STREAM), [STREAM, TAIL]])
def test_a_foreign_exception_becomes_a_transport_error(
    chunks: list[bytes], error: Exception
) -> None:
    """Whatever the source raises ends the scan as a TransportError that names its cause."""
    scanner = EventScanner(Broken(chunks, error))
    assert scanner.next()
    assert scanner.next()
    assert scanner.err() is None
    assert not scanner.next()
    err = scanner.err()
    assert type(err) is TransportError
    assert str(err) == f"the source broke off: {type(error).__name__}: {error}"
    assert err.__cause__ is error


def test_our_own_errors_pass_unchanged() -> None:
    """A source that raises a ScanError has said what is wrong already."""
    error = StreamTimeoutError("too slow")
    scanner = EventScanner(Broken([], error))
    assert not scanner.next()
    assert scanner.err() is error


def test_a_failing_file_is_a_transport_error() -> None:
    """A read() that raises ends the scan like any other source that does."""
    file = io.BytesIO(STREAM)
    scanner = EventScanner(file)
    file.close()
    assert not scanner.next()
    assert isinstance(scanner.err(), TransportError)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exception_that_is_not_an_error_passes(error: type[BaseException]) -> None:
    """An interruption of the program is not swallowed."""
    scanner = EventScanner(Broken([], error()))
    with pytest.raises(error):
        scanner.next()
    assert scanner.err() is None


def test_the_first_error_stays() -> None:
    """After an error next() stays False and err() the same, whatever the source would do."""
    errors = iter([OSError("first"), OSError("second")])

    class Failing:
        def read(self, size: int, /) -> bytes:
            raise next(errors)

    scanner = EventScanner(Failing())
    for _ in range(3):
        assert not scanner.next()
        assert str(scanner.err()) == "the source broke off: OSError: first"
        with pytest.raises(RuntimeError):
            scanner.event()
    scanner.cancel()
    scanner.close()
    assert not scanner.next()
    assert str(scanner.err()) == "the source broke off: OSError: first"


@pytest.mark.parametrize("tail", [b"", b"\n\n", TAIL])
def test_an_event_that_is_too_large_ends_the_scan(tail: bytes) -> None:
    """The events before it are handed out; then the limit is the error, however it is cut."""
    stream = b"data: 1\n\ndata: 2\n\ndata: 12345" + tail
    for chunks in ([stream], byte_by_byte(stream), [stream[:20], stream[20:]]):
        scanner = EventScanner(chunks, max_event_bytes=4)
        assert scanner.next()
        assert scanner.event() == RawEvent("message", "1")
        assert scanner.next()
        assert scanner.event() == RawEvent("message", "2")
        assert not scanner.next()
        err = scanner.err()
        assert isinstance(err, EventTooLargeError)
        assert err.limit == 4
        assert not scanner.next()
        assert scanner.err() is err
        assert scanner.pending is None
        with pytest.raises(RuntimeError):
            scanner.event()


# tee().


class Raw(io.RawIOBase):
    """A raw file that takes a few bytes at a time."""

    def __init__(self, few: int = 3) -> None:
        self.few = few
        self.taken = b""

    def write(self, data: Any, /) -> int:
        """Take a few bytes."""
        self.taken += bytes(data[: self.few])
        return min(len(data), self.few)


def test_tee_writes_every_byte() -> None:
    """What is read is written to the file byte for byte, comments and the cut-off end included."""
    stream = b"\xef\xbb\xbf: x\r\ndata: \xff\r\n\r\nunknown: y\n\ndata: cut"
    for chunks in ([stream], byte_by_byte(stream), [stream, TAIL]):
        file = io.BytesIO()
        scanner = EventScanner(chunks)
        scanner.tee(file)
        assert scanner.next()
        assert scanner.event() == RawEvent("message", "\ufffd")
        assert not scanner.next()
        assert file.getvalue() == b"".join(chunks)


def test_tee_begins_where_it_is_called() -> None:
    """What was read before is not written."""
    file = io.BytesIO()
    scanner = EventScanner([b"data: 1\n\n", b"data: 2\n\n"])
    assert scanner.next()
    scanner.tee(file)
    assert scanner.next()
    assert file.getvalue() == b"data: 2\n\n"


def test_tee_to_a_file_that_takes_nothing_is_an_error() -> None:
    """A file that takes no bytes would be written to forever."""

    class Full(io.RawIOBase):
        def write(self, data: object, /) -> int:
            return 0

    scanner = EventScanner([b"data: 1\n\n"])
    scanner.tee(Full())
    with pytest.raises(OSError, match=r"^the file of tee\(\) accepts no more bytes$"):
        scanner.next()
    assert scanner.next()


@pytest.mark.parametrize("few", [1, 2, 3])
def test_tee_writes_all_to_a_file_that_takes_little(few: int) -> None:
    """A raw file that takes a part of the bytes is given the rest again."""
    file = Raw(few)
    scanner = EventScanner([STREAM])
    scanner.tee(file)
    assert scanner.next()
    assert file.taken == STREAM


def test_tee_needs_no_count() -> None:
    """A write() that returns nothing has taken all."""
    written: list[bytes] = []

    class Log:
        def write(self, data: bytes, /) -> None:
            written.append(data)

    scanner = EventScanner([STREAM, b"", b": x\n"])
    scanner.tee(Log())
    while scanner.next():
        pass
    assert written == [STREAM, b": x\n"]


def test_a_failing_tee_loses_no_event() -> None:
    """An error in writing is the caller's own, and the events of that chunk come afterwards."""

    class Full:
        def write(self, data: bytes, /) -> int:
            raise OSError("disk full")

    scanner = EventScanner([STREAM, b"data: 3\n\n"])
    scanner.tee(Full())
    with pytest.raises(OSError, match="disk full"):
        scanner.next()
    with pytest.raises(RuntimeError):
        scanner.event()
    scanner.tee(io.BytesIO())
    for event in (*EVENTS, RawEvent("message", "3", "7")):
        assert scanner.next()
        assert scanner.event() == event
    assert not scanner.next()
    assert scanner.err() is None


def test_tee_gets_the_bytes_that_are_too_large() -> None:
    """The chunk that ends the scan is written too, so that it can be looked at."""
    file = io.BytesIO()
    scanner = EventScanner([b"data: 12345\n\n"], max_event_bytes=4)
    scanner.tee(file)
    assert not scanner.next()
    assert file.getvalue() == b"data: 12345\n\n"


# cancel() and expire().


def cancel_while_waiting(source: Live) -> ScanError | None:
    """Cancel from another thread while the scanner waits for *source*; return its error."""
    scanner = EventScanner(source)

    def cancel() -> None:
        source.waiting.wait()
        scanner.cancel()

    other = threading.Thread(target=cancel)
    other.start()
    while scanner.next():
        pass
    other.join()
    assert not scanner.next()
    return scanner.err()


@pytest.mark.parametrize("last_words", [None, b"data: late\n\n"], ids=["ends", "yields"])
def test_cancel_wakes_a_reader_that_waits(last_words: bytes | None) -> None:
    """A reader that waits for a live source is woken, and what comes then is not an end."""
    err = cancel_while_waiting(Live(STREAM, last_words=last_words))
    assert type(err) is StreamCancelledError
    assert err.__cause__ is None


def test_cancel_wins_over_the_error_that_it_causes() -> None:
    """A connection that breaks because it was shut down is cancelled, not broken."""
    error = OSError("shut down")
    err = cancel_while_waiting(Live(last_words=error))
    assert type(err) is StreamCancelledError
    assert isinstance(err.__cause__, TransportError)
    assert err.__cause__.__cause__ is error


def test_cancel_drops_what_was_not_handed_out() -> None:
    """After cancel() no event comes, also if some are complete already."""
    source = Live(STREAM)
    scanner = EventScanner(source)
    assert scanner.next()
    scanner.cancel()
    assert scanner.event() == EVENTS[0]
    assert not scanner.next()
    assert type(scanner.err()) is StreamCancelledError
    assert source.cancelled.is_set()
    with pytest.raises(RuntimeError):
        scanner.event()


def test_cancel_before_the_start_reads_nothing() -> None:
    """A scanner that is cancelled first never touches its source."""
    source = iter([STREAM])
    scanner = EventScanner(source)
    scanner.cancel()
    assert not scanner.next()
    assert type(scanner.err()) is StreamCancelledError
    assert next(source) == STREAM


def test_cancel_ends_a_plain_source_at_its_next_chunk() -> None:
    """A source that cannot be woken ends the scan when it hands over a chunk."""

    def source() -> Iterator[bytes]:
        yield b": x\n"
        scanner.cancel()
        yield STREAM

    scanner = EventScanner(source())
    assert not scanner.next()
    assert type(scanner.err()) is StreamCancelledError


def test_cancel_after_the_end_changes_nothing() -> None:
    """A scan that has ended cleanly stays clean."""
    scanner = EventScanner([])
    assert not scanner.next()
    scanner.cancel()
    assert not scanner.next()
    assert scanner.err() is None


def test_expire_reaches_a_live_source() -> None:
    """A live source is told when to end."""
    source = Live()
    assert isinstance(source, LiveSource)
    EventScanner(source).expire(2.5)
    assert source.deadlines == [2.5]


def test_expire_leaves_a_plain_source_alone() -> None:
    """A source without a clock is read to its end."""
    scanner = EventScanner([STREAM])
    scanner.expire(0)
    assert scanner.next()


# close().


def test_close_lets_go_of_the_source() -> None:
    """close() closes the source, drops what was read, and is not an error."""
    source = Closeable()
    scanner = EventScanner(source)
    assert scanner.next()
    scanner.close()
    assert source.closed == 1
    with pytest.raises(RuntimeError):
        scanner.event()
    assert not scanner.next()
    assert scanner.err() is None


def test_close_may_be_called_again() -> None:
    """close() can be called any number of times, also on a source that cannot be closed."""
    for source in ([STREAM], io.BytesIO(STREAM), Closeable()):
        scanner = EventScanner(source)
        scanner.close()
        scanner.close()
        assert not scanner.next()
        assert scanner.err() is None


def test_close_ends_a_generator() -> None:
    """A generator that was started gets to clean up."""
    cleaned_up = []

    def source() -> Iterator[bytes]:
        try:
            while True:
                yield STREAM
        finally:
            cleaned_up.append(True)

    scanner = EventScanner(source())
    assert scanner.next()
    scanner.close()
    assert cleaned_up == [True]


def test_close_ends_the_generator_of_an_iterable() -> None:
    """A source whose iterator has to clean up need not be closeable itself."""
    cleaned_up = []

    class Pages:
        def __iter__(self) -> Iterator[bytes]:
            try:
                while True:
                    yield STREAM
            finally:
                cleaned_up.append(True)

    scanner = EventScanner(Pages())
    assert scanner.next()
    scanner.close()
    assert cleaned_up == [True]


def test_leaving_a_with_block_closes() -> None:
    """The end of a with block closes the source, also if an exception ends it."""
    source = Closeable()
    with EventScanner(source) as scanner:
        assert scanner.next()
    assert source.closed == 1
    with pytest.raises(ZeroDivisionError), EventScanner(source):
        raise ZeroDivisionError
    assert source.closed == 2


# What the scanner can be asked.


def test_a_scanner_says_what_it_knows() -> None:
    """Its source, its tokenizer with the last event ID, and what was tolerated."""
    source = [b": hi\n\n", STREAM, b"data: \xff\n\n"]
    scanner = EventScanner(source)
    assert scanner.source is source
    assert scanner.notes == {}
    while scanner.next():
        pass
    assert scanner.tokenizer.last_event_id == "7"
    assert scanner.notes == {"comment": 1, "bad_utf8": 1}


def test_a_keep_alive_is_discounted() -> None:
    """A live source does not hear of an event that is as good as silence."""
    source = Live(b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n")
    scanner = EventScanner(source)
    assert scanner.next()
    scanner.discount()
    assert scanner.next()
    assert source.heard_count == 0
    assert scanner.next()
    assert source.heard_count == 1
