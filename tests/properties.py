"""What must hold for any bytes: the promises that the tests and the fuzzers share.

Each function takes the input and fails with an `AssertionError` if its promise is broken; any other
exception is a broken promise as well.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from itertools import cycle
from typing import Any

import reference
from attrs import frozen
from costs import work

from openai_scan import PartialJSON, ScanError, StreamerV2
from openai_scan.events import Event
from openai_scan.events.error import read_error
from openai_scan.sse import EventTokenizer, RawEvent, encode, encode_all
from openai_scan.transport import refusals

# It ends no line, so it may change nothing that the bytes before it mean.
TAIL = b"data: tail"

# How many calls and lines of Python a byte may take, and any input besides. The densest are glued
# events of two bytes, which take 120 each. Finding out what events have in common takes a few
# thousand each time, and happens a few times.
MOST_STEPS_PER_BYTE = 100
MOST_STEPS = 50_000

_UNWRAPPERS = [name for name in dir(Event) if name.startswith("unwrap_")]

# What the stream answers by what came before: with whole characters, and each part once.
_JOINED = {"unwrap_text", "unwrap_reasoning_text", "unwrap_refusal"}


@frozen
class Tokens:
    """All that an `EventTokenizer` made of a stream.

    Attributes:
        too_large: Whether it ended with an `EventTooLargeError`.
    """

    events: list[RawEvent]
    last_event_id: str
    reconnection_time: int | None
    comments: int
    replacements: int
    pending: RawEvent | None
    too_large: bool


@frozen
class Story:
    """All that a `StreamerV2` made of a stream.

    Attributes:
        events: The class, the type and the raw event of each.
        text: The text of all events, as UTF-8.
        error: The class and the message of `err()`; None after a clean end.
    """

    events: list[tuple[type[Event], str, RawEvent]]
    text: bytes
    outcome: str | None
    error: tuple[type[ScanError], str] | None


def pieces(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    """Return *data* cut into pieces of these *sizes*, which start again when they are used up."""
    cut = []
    start = 0
    endless_sizes = cycle(sizes)
    while start < len(data):
        end = start + next(endless_sizes)
        cut.append(data[start:end])
        start = end
    return cut


def byte_by_byte(data: bytes) -> list[bytes]:
    """Return *data* in the smallest pieces."""
    return pieces(data, [1])


def sizes_from(data: bytes) -> list[int]:
    """Return sizes for `pieces()` that are as arbitrary as *data*, empty pieces among them."""
    return [1, *(byte % 16 for byte in data[-8:])]


def tokenize(chunks: Iterable[bytes], **settings: Any) -> Tokens:
    """Return what a tokenizer with these *settings* makes of *chunks*."""
    tokenizer = EventTokenizer(**settings)
    events = []
    too_large = False
    try:
        for chunk in chunks:
            for event in tokenizer.feed(chunk):
                events.append(event)  # noqa: PERF402 - those before an error count too
    except ScanError:
        too_large = True
    return Tokens(
        events,
        tokenizer.last_event_id,
        tokenizer.reconnection_time,
        tokenizer.comments,
        tokenizer.replacements,
        tokenizer.pending,
        too_large,
    )


def tokens(data: bytes, **settings: Any) -> Tokens:
    """Return what *data* mean, fed whole; make sure that they mean it fed in other ways too."""
    whole = tokenize([data], **settings)
    assert tokenize(byte_by_byte(data), **settings) == whole
    assert tokenize([b"", *pieces(data, sizes_from(data)), b""], **settings) == whole
    if not whole.too_large:
        before_tail = tokenize([data, TAIL], **settings)
        assert before_tail.events == whole.events
        assert before_tail.last_event_id == whole.last_event_id
        assert before_tail.reconnection_time == whole.reconnection_time
    return whole


def tokens_follow_the_standard(data: bytes) -> None:
    """However *data* are cut, the events are those that the standard's rules give."""
    found = tokens(data)
    expected = reference.interpret(data)
    assert [
        (event.type, event.data, event.last_event_id) for event in found.events
    ] == expected.dispatched
    assert found.last_event_id == expected.last_event_id
    assert found.reconnection_time == expected.reconnection_time


def limit_is_kept(data: bytes, limit: int, event_fields: tuple[str, ...] = ()) -> None:
    """However *data* are cut, the same events come before the same limit strikes.

    No event is larger than the limit, and those before it are what they are without a limit.
    """
    settings = {"event_fields": event_fields}
    found = tokens(data, max_event_bytes=limit, **settings)
    unlimited = tokenize([data], **settings)
    assert found.events == unlimited.events[: len(found.events)]
    assert found.too_large or found == unlimited
    for event in found.events:
        # U+FFFD takes three bytes and replaces at least one.
        assert len(event.data) <= limit
        assert len(event.data.replace("\ufffd", "").encode()) <= limit


def encoding_round_trips(event: RawEvent) -> None:
    """An event that is encoded is the only event that a reader sees, and the same."""
    assert tokens(encode(event)).events == [event]


def stream_encodes_again(data: bytes) -> None:
    """The events of any stream, encoded, are the same events again."""
    events = tokenize([data]).events
    assert tokens(b"".join(encode_all(events))).events == events


def story(chunks: Iterable[bytes], **settings: Any) -> Story:
    """Return what a streamer makes of *chunks*, with each event asked every question."""
    with StreamerV2(chunks, **settings) as s:
        events = []
        texts = []
        while s.next():
            event = s.event()
            events.append((type(event), event.type, event.raw))
            texts.append(s.text() or "")
            for name in _UNWRAPPERS:
                answer = getattr(s, name.removeprefix("unwrap_"))()
                assert name in _JOINED or getattr(event, name)() == answer
            repr(event)
        err = s.err()
        assert not s.next()
        assert s.err() is err
        assert s.text() is None
        repr(s.notes)
        return Story(
            events,
            "".join([*texts, s._machine.answer.flush()]).encode(),
            s.outcome,
            None if err is None else (type(err), str(err)),
        )


def streamer_ends_well(data: bytes, **settings: Any) -> Story:
    """Any bytes give events, then an end or a `ScanError`, the same however they are cut."""
    whole = story([data], **settings)
    assert whole.outcome is not None
    if whole.error is None:
        assert whole.outcome in ("completed", "incomplete", "requires_action", "cancelled")
    else:
        assert whole.outcome in ("failed", "truncated")
    assert story(byte_by_byte(data), **settings) == whole
    assert story(pieces(data, sizes_from(data)), **settings) == whole
    return whole


def work_is_bounded(data: bytes) -> None:
    """What *data* begin with, repeated, takes a bounded number of steps for each byte.

    The first byte chooses how much of *data* is repeated, and thus what comes before and after it.
    """
    start = data[0] % len(data) if data else 0
    before, item = data[1:start], data[start:]
    for size in (1, 40):
        page = before + item * size + before
        text = page.decode("utf-8", "replace")
        actions: dict[str, Callable[[], object]] = {
            "stream": partial(_read_on, page + b"\n\n"),
            "text of an answer": partial(_parse_partly, text),
            "page": partial(refusals.refusal, 500, "", {}, text),
            "error": partial(read_error, text),
        }
        for name, action in actions.items():
            action()  # what is imported and made once is not counted
            steps = work(action)
            assert steps <= MOST_STEPS + MOST_STEPS_PER_BYTE * len(page), (name, steps, len(page))


def _read_on(data: bytes) -> None:
    with StreamerV2([data], require_terminal=False) as s:
        while s.next():
            pass
        s.snapshot()
        s.err()


def _parse_partly(text: str) -> None:
    parser = PartialJSON()
    for character in text:
        parser.feed(character)
        assert parser.broken in (True, False)


def text_is_copied(data: bytes) -> None:
    """Reading a streamer as a file gives the text of all events, then its error."""
    expected = story([data])
    sizes = sizes_from(data)

    copied = io.BytesIO()
    copy = StreamerV2(pieces(data, sizes))
    assert _error_of(lambda: shutil.copyfileobj(copy, copied, sizes[-1] or -1)) == expected.error
    if expected.error is not None and expected.text and not sizes[-1]:
        # Where all text was asked for at once, what came before the error is still to be read.
        copied.write(copy.read())
    assert copied.getvalue() == expected.text

    read = io.BytesIO()
    reader = io.BufferedReader(StreamerV2([data]).reader(), sizes[-1] + 1)
    assert _error_of(lambda: shutil.copyfileobj(reader, read, 1)) == expected.error
    assert read.getvalue() == expected.text

    deltas: list[str] = []
    assert _error_of(lambda: deltas.extend(StreamerV2([data]).text_deltas())) == expected.error
    assert "".join(deltas).encode() == expected.text


def _error_of(action: Any) -> tuple[type[ScanError], str] | None:
    """Do the *action*; return the class and the message of its `ScanError`, or None."""
    try:
        action()
    except ScanError as error:
        return type(error), str(error)
    return None
