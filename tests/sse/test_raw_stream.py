"""The raw events of one source, received by hand: what has come, and how the input ended."""

from __future__ import annotations

from collections import Counter

import pytest
from machines import ClockedSource, LiveSource, Source
from properties import TAIL, byte_by_byte

from openai_scan import (
    EventTooLargeError,
    ScanError,
    StreamCancelledError,
    StreamTimeoutError,
    TransportError,
)
from openai_scan.sse import RawEvent
from openai_scan.sse.raw_stream import RawStream

STREAM = b"event: a\ndata: 1\n\nid: 7\ndata: 2\n\n"
EVENTS = [RawEvent("a", "1", ""), RawEvent("message", "2", "7")]

BROKEN = TransportError("reset")


def received(*chunks: bytes, **settings: int) -> RawStream:
    """Return a stream that has received *chunks*."""
    stream = RawStream(Source(), **settings)  # type: ignore[arg-type] # there are two kinds of them
    for chunk in chunks:
        stream.receive(chunk)
    return stream


def events_of(stream: RawStream) -> list[RawEvent]:
    """Return the events that have come and were not returned yet."""
    events = []
    while (event := stream.next()) is not None:
        events.append(event)
    return events


# Events.


@pytest.mark.parametrize(
    "chunks",
    [[STREAM], byte_by_byte(STREAM), [STREAM, TAIL]],
    ids=["whole", "byte by byte", "with a tail"],
)
def test_events_are_returned_in_order(chunks: list[bytes]) -> None:
    """Whole, byte by byte or with a tail, the events are the same; then more has to be read."""
    stream = received(*chunks)
    assert events_of(stream) == EVENTS
    assert (stream.ended, stream.interrupted, stream.err) == (False, False, None)
    stream.end()
    assert events_of(stream) == []
    assert (stream.ended, stream.err) == (True, None)


def test_receive_says_whether_there_is_an_event() -> None:
    """If not, the driver can read on at once."""
    stream = RawStream(Source())
    assert [stream.receive(chunk) for chunk in (b"", b"data: 1\n", b"\n", b"data: 2")] == [
        False,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_chunks_may_be_any_kind_of_bytes(kind: type) -> None:
    """They are counted alike, and a buffer may be used again at once."""
    stream = RawStream(Source())
    buffer = bytearray(STREAM)
    assert stream.receive(kind(buffer))
    buffer[:] = b"x" * len(buffer)
    assert events_of(stream) == EVENTS
    assert stream.bytes_read == len(STREAM)


@pytest.mark.parametrize(
    "chunk", ["data: 1\n\n", None, 7, [b"data: 1\n\n"]], ids=["text", "None", "7", "list"]
)
def test_anything_else_is_the_mistake_of_whoever_wrote_the_source(chunk: object) -> None:
    """It is refused, and the stream stays as it was."""
    stream = received(b"data: 1\n")
    with pytest.raises(TypeError) as caught:
        stream.receive(chunk)
    assert str(caught.value) == f"a source must yield bytes, not {type(chunk).__name__}"
    assert stream.bytes_read == 8
    assert stream.receive(b"\n")


def test_bytes_are_counted_whether_they_make_events_or_not() -> None:
    """Also those of an event that is too large."""
    stream = received(b": x\n", STREAM, b"", b"data: cut", max_event_bytes=20)
    assert stream.bytes_read == 4 + len(STREAM) + 9
    stream.receive(b"x" * 30)
    assert stream.bytes_read == 4 + len(STREAM) + 9 + 30


def test_fields_beyond_the_standard_are_read_if_they_are_asked_for() -> None:
    """Each is an event's type and its data in one line."""
    stream = RawStream(Source(), event_fields=["error"])
    assert stream.receive(b"error: no\n\n")
    assert events_of(stream) == [RawEvent("error", "no")]
    assert not RawStream(Source()).receive(b"error: no\n\n")


# The end of the input.


@pytest.mark.parametrize("error", [None, BROKEN, StreamTimeoutError("late")], ids=repr)
def test_what_was_received_comes_before_the_end(error: ScanError | None) -> None:
    """Until it has been returned, the stream has not ended, and has no error."""
    stream = received(STREAM)
    stream.end(error)
    assert stream.interrupted
    for event in EVENTS:
        assert (stream.ended, stream.err) == (False, None)
        assert stream.next() == event
    assert (stream.ended, stream.err) == (False, None)
    for _ in range(3):
        assert stream.next() is None
        assert (stream.ended, stream.err) == (True, error)


def test_only_the_first_end_counts() -> None:
    """A source that ends well after it broke does not clear the error, nor the other way round."""
    for first, second in ((BROKEN, None), (None, BROKEN), (BROKEN, StreamTimeoutError("late"))):
        stream = received(b"data: 1\n")
        stream.end(first)
        stream.end(second)
        assert stream.next() is None
        assert stream.err is first
        stream.end(second)
        assert stream.next() is None
        assert stream.err is first


def test_events_that_are_received_after_the_end_are_dropped() -> None:
    """Before and after it has shown; the driver is still asked to take the next step."""
    stream = received(STREAM)
    stream.end()
    assert stream.receive(STREAM)
    assert events_of(stream) == EVENTS
    assert stream.ended
    assert stream.receive(STREAM)
    assert events_of(stream) == []
    assert stream.bytes_read == 3 * len(STREAM)


def test_what_the_end_cut_off_is_pending() -> None:
    """A block without its blank line is not an event, but can be asked for."""
    stream = received(STREAM, b"event: b\ndata: 3\nda", b"ta: 4")
    assert events_of(stream) == EVENTS
    stream.end()
    assert stream.next() is None
    assert stream.pending == RawEvent("b", "3\n4", "7")
    assert received(STREAM).pending is None


# An event that is too large.


@pytest.mark.parametrize("before", [b"", STREAM], ids=["alone", "after others"])
def test_an_event_that_is_too_large_is_an_end(before: bytes) -> None:
    """It comes after the events before it, whatever follows it."""
    large = before + b"data: " + b"x" * 30
    for chunks in ([large], byte_by_byte(large), [large, STREAM], [before, large[len(before) :]]):
        stream = RawStream(Source(), max_event_bytes=20)
        assert [stream.receive(chunk) for chunk in chunks][-1]
        assert stream.interrupted
        assert events_of(stream) == (EVENTS if before else [])
        assert stream.ended
        assert isinstance(stream.err, EventTooLargeError)
        assert stream.err.limit == 20
        assert stream.receive(b"data: 1\n\n")
        stream.end(BROKEN)
        assert events_of(stream) == []
        assert isinstance(stream.err, EventTooLargeError)


def test_an_event_that_is_too_large_after_the_end_is_none() -> None:
    """It is not an error, because the input had ended before."""
    stream = RawStream(Source(), max_event_bytes=20)
    stream.end()
    assert stream.receive(b"data: " + b"x" * 30)
    assert stream.next() is None
    assert stream.err is None


def test_the_limit_is_at_least_one() -> None:
    """A limit below 1 would let no event through."""
    with pytest.raises(ValueError, match="max_event_bytes must be at least 1, not 0"):
        RawStream(Source(), max_event_bytes=0)


# cancel() and drop().


@pytest.mark.parametrize("error", [None, BROKEN], ids=repr)
@pytest.mark.parametrize("ended_first", [True, False])
def test_cancel_wins_over_how_the_input_ended(
    error: ScanError | None, *, ended_first: bool
) -> None:
    """What was received is dropped; the error of the input is only the cause."""
    stream = received(STREAM)
    if ended_first:
        stream.end(error)
        stream.cancel()
    else:
        stream.cancel()
        stream.end(error)
    assert (stream.cancelled, stream.interrupted, stream.ended) == (True, True, False)
    for _ in range(2):
        assert stream.next() is None
        assert stream.ended
        assert isinstance(stream.err, StreamCancelledError)
        assert str(stream.err) == "the stream was cancelled"
        assert stream.err.__cause__ is error
    assert len(stream.ready) == 0


def test_cancel_wins_over_an_event_that_is_too_large() -> None:
    """Then that is the cause of the error."""
    stream = received(b"data: " + b"x" * 30, max_event_bytes=20)
    stream.cancel()
    assert stream.next() is None
    assert isinstance(stream.err, StreamCancelledError)
    assert isinstance(stream.err.__cause__, EventTooLargeError)


def test_cancel_needs_no_end_of_the_input() -> None:
    """The next step ends the stream, and the driver is asked to take it."""
    stream = received(b"data: ")
    stream.cancel()
    assert stream.receive(b"1")
    assert stream.next() is None
    assert stream.ended


@pytest.mark.parametrize("error", [None, BROKEN], ids=repr)
def test_cancel_after_the_end_changes_nothing(error: ScanError | None) -> None:
    """The stream stays as it ended."""
    stream = received(STREAM)
    stream.end(error)
    assert events_of(stream) == EVENTS
    stream.cancel()
    assert stream.next() is None
    assert (stream.ended, stream.err) == (True, error)


def test_an_end_that_is_not_shown_yet_is_not_the_end() -> None:
    """Until the end is shown, cancel() comes in time."""
    stream = RawStream(Source())
    stream.end(BROKEN)
    assert not stream.ended
    stream.cancel()
    assert stream.next() is None
    assert isinstance(stream.err, StreamCancelledError)


def test_drop_ends_without_an_error() -> None:
    """What was received and not returned is gone, and nothing more comes."""
    for error in (None, BROKEN):
        stream = received(STREAM)
        if error is not None:
            stream.end(error)
        stream.drop()
        assert (stream.ended, stream.interrupted) == (True, True)
        assert stream.receive(STREAM)
        stream.end(BROKEN)
        assert stream.next() is None
        assert stream.err is None


def test_drop_after_the_end_keeps_its_error() -> None:
    """The error is still available after the stream is closed."""
    stream = RawStream(Source())
    stream.end(BROKEN)
    assert stream.next() is None
    stream.drop()
    assert stream.err is BROKEN


# What the source is told and asked.


def test_a_live_source_is_told_and_never_read() -> None:
    """It gets its time limits and the cancellation at any time."""
    source = LiveSource()
    stream = RawStream(source)
    stream.expire(2.0)
    stream.expire(None)
    stream.cancel()
    assert source.told == [
        ("source", "expire", 2.0),
        ("source", "expire", None),
        ("source", "cancel"),
    ]


def test_a_source_that_is_not_live_is_told_nothing() -> None:
    """It has no reader to wake, and no clock."""
    stream = RawStream([STREAM])
    stream.expire(2.0)
    stream.before_read()
    stream.cancel()
    assert stream.cancelled


def test_a_live_source_hears_of_events_before_it_is_read_again() -> None:
    """It is notified once for all of them, but not of keep-alives or a chunk without an event."""
    source = LiveSource()
    stream = RawStream(source)
    stream.before_read()
    stream.receive(STREAM)
    stream.before_read()  # an event that was not returned does not count yet
    assert source.told == []
    assert stream.next() is not None
    assert stream.next() is not None
    assert stream.heard == 2
    stream.before_read()
    assert (stream.heard, source.told) == (0, [("source", "heard")])
    stream.before_read()
    stream.receive(STREAM)
    assert stream.next() is not None
    stream.discount()
    stream.before_read()
    assert len(source.told) == 1
    assert stream.next() is not None
    assert stream.next() is None  # the end of what has come is not an event
    assert stream.heard == 1
    stream.before_read()
    assert len(source.told) == 2


def test_chunks_are_kept_for_the_driver() -> None:
    """The stream keeps them and never looks at them; there may be none yet."""
    chunks = object()
    source = ClockedSource()
    stream = RawStream(source, chunks)
    assert (stream.source, stream.chunks) == (source, chunks)
    assert RawStream(source).chunks is None


def test_notes_are_those_of_the_tokenizer_and_of_the_source() -> None:
    """A source that repairs what it receives counts that."""

    class Noting(Source):
        notes = Counter({"comment": 1, "repaired": 2})

    stream = RawStream(Source())
    stream.receive(b": 1\n: 2\n\ndata: \xff\n\n")
    assert stream.notes == {"comment": 2, "bad_utf8": 1}
    stream = RawStream(Noting())
    stream.receive(b": 1\n\n")
    assert stream.notes == {"comment": 2, "repaired": 2}
    assert Noting.notes == {"comment": 1, "repaired": 2}
    assert RawStream(Source()).notes == {}
