"""The decoder: typed events, also where a server glues them together or answers whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openai_scan import ChatCompletionChunk, DoneEvent, ErrorEvent, UnknownEvent
from openai_scan.sse import RawEvent
from openai_scan.stream.decoder import Decoder, is_keep_alive, is_whole


def raw(data: Any, name: str = "message", last_event_id: str = "") -> RawEvent:
    """Return a raw event; text is its data as they are."""
    return RawEvent(name, data if isinstance(data, str) else json.dumps(data), last_event_id)


CHUNK = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "a"}}]}
WHOLE = {
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}],
}


def test_an_event_is_one_event() -> None:
    """Nothing is noted, and nothing is left."""
    decoder = Decoder(strict=False)
    event = decoder.decode(raw(CHUNK))
    assert isinstance(event, ChatCompletionChunk)
    assert (len(decoder.ready), decoder.notes) == (0, {})


def test_events_that_were_glued_together_come_apart() -> None:
    """The first is returned, the others are left to be decoded in turn."""
    decoder = Decoder(strict=False)
    glued = f"{json.dumps(CHUNK)}\ndata: {json.dumps(CHUNK)}[DONE]"
    event = decoder.decode(raw(glued, "thread.message.delta", last_event_id="7"))
    assert isinstance(event, ChatCompletionChunk)
    assert event.raw == raw(CHUNK, last_event_id="7")
    assert list(decoder.ready) == [raw(CHUNK, last_event_id="7"), raw("[DONE]", last_event_id="7")]
    assert decoder.notes == {"glued_events": 1}


def test_events_that_were_glued_together_are_repaired_like_any_other() -> None:
    """A field that does not fit is left out and counted, in the first of them as well."""
    decoder = Decoder(strict=False)
    odd = json.dumps({**CHUNK, "created": "today"})
    assert isinstance(decoder.decode(raw(odd + odd)), ChatCompletionChunk)
    assert decoder.notes.pop("glued_events") == 1
    assert list(decoder.notes.values()) == [1]


def test_an_answer_that_came_whole_is_a_stream() -> None:
    """What comes after it is read, and the input may end without `[DONE]`."""
    decoder = Decoder(strict=False)
    event = decoder.decode(raw(WHOLE))
    assert isinstance(event, ChatCompletionChunk)
    assert event.unwrap_text() == "a"
    assert (len(decoder.ready), decoder.says_end) == (0, True)
    assert decoder.notes == {"whole_answer": 1}


def test_a_strict_decoder_repairs_nothing() -> None:
    """An event is what it is."""
    decoder = Decoder(strict=True)
    glued = decoder.decode(raw(json.dumps(CHUNK) * 2))
    assert isinstance(glued, UnknownEvent)
    assert glued.error is not None
    assert isinstance(decoder.decode(raw(WHOLE)), UnknownEvent)
    assert (len(decoder.ready), decoder.notes) == (0, {})


def test_what_cannot_be_repaired_stays_unknown() -> None:
    """Nothing is noted here: the machine does that when it takes the event."""
    decoder = Decoder(strict=False)
    for data in ("{", "{}{", "what", {"what": "ever"}, [1], "7"):
        assert isinstance(decoder.decode(raw(data)), UnknownEvent)
    assert (len(decoder.ready), decoder.notes) == (0, {})


def test_a_tolerant_decoder_counts_what_it_skips() -> None:
    """A field that does not fit is left out; a strict one takes no such event."""
    payload = {**CHUNK, "created": "today"}
    decoder = Decoder(strict=False)
    assert isinstance(decoder.decode(raw(payload)), ChatCompletionChunk)
    assert sum(decoder.notes.values()) == 1
    assert isinstance(Decoder(strict=True).decode(raw(payload)), UnknownEvent)


def test_a_note_of_the_decoder_is_one_of_its_notes() -> None:
    """The machine counts with it when it takes the events."""
    decoder = Decoder(strict=False)
    decoder.note("x")
    decoder.note("x")
    assert decoder.notes == {"x": 2}


def test_repetitions_are_recognized() -> None:
    """The third event of a kind repeats the second."""
    decoder = Decoder(strict=False)
    for text in "abc":
        piece = {"index": 0, "delta": {"content": text}}
        decoder.decode(raw({**CHUNK, "choices": [piece]}))
    assert decoder.repeats.last is not None
    assert decoder.repeats.last.adds_text


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (raw(""), True),
        (raw("", "ping"), True),
        (raw(": hi"), True),
        (raw(":", "thread.run.created"), True),
        (raw(" "), False),
        (raw("{}"), False),
        (raw("", "done"), False),
        (raw("", "error"), False),
        (raw(": hi", "error"), False),
    ],
)
def test_an_event_without_data_is_a_keep_alive(event: RawEvent, *, expected: bool) -> None:
    """Or one with a comment as data; but an end or an error needs no data."""
    assert is_keep_alive(event) is expected


@pytest.mark.parametrize(
    ("event", "expected"),
    [(raw("", "done"), DoneEvent), (raw("[DONE]"), DoneEvent), (raw("", "error"), ErrorEvent)],
)
def test_ends_and_errors_need_no_data(event: RawEvent, expected: type) -> None:
    """They are decoded all the same."""
    assert type(Decoder(strict=True).decode(event)) is expected


@pytest.mark.parametrize("data", ["[DONE]", " [DONE] ", "{}", ' {"a": [1, {"b": 2}]} ', "[{}]"])
def test_done_and_an_object_show_where_they_end(data: str) -> None:
    """They are whole without a blank line."""
    assert is_whole(data)


@pytest.mark.parametrize(
    "data",
    ["", "[DONE", "DONE", "7", '"a"', "null", "true", "[]", "[1]", "{", '{"a": 1', "{}{}", "{} x"],
)
def test_anything_else_may_continue(data: str) -> None:
    """A number, for example, might get more digits."""
    assert not is_whole(data)


def test_data_that_are_nested_too_deep_are_not_whole() -> None:
    """They cannot be read, and that raises nothing."""
    assert not is_whole("[" * 200_000)


def test_many_glued_events_are_made_one_by_one() -> None:
    """However many there are, few of them are in memory at a time; none gets lost."""
    decoder = Decoder(strict=False)
    count = 1000
    decoder.decode(raw(json.dumps(CHUNK) * count))
    rest = 0
    while decoder.ready:
        assert len(decoder.ready) < 100
        assert decoder.next_ready() == raw(CHUNK)
        rest += 1
    assert rest == count - 1


def test_what_was_glued_to_an_end_is_dropped() -> None:
    """Also events that have not been made yet."""
    decoder = Decoder(strict=False)
    decoder.decode(raw(json.dumps(CHUNK) * 1000))
    decoder.drop_ready()
    assert len(decoder.ready) == 0
    decoder.decode(raw(json.dumps(CHUNK) * 2))
    assert len(decoder.ready) == 1
