"""Encoding is the tokenizer's inverse, and no text breaks out of its field."""

from __future__ import annotations

import pytest
from properties import tokens

from openai_scan.sse import RawEvent, encode, encode_all, utf8


def test_an_event_is_written_as_its_fields_and_a_blank_line() -> None:
    """An event is written as id, event and data fields, in this order, and a blank line."""
    encoded = encode(RawEvent("add", "1\n2", "7"))
    assert encoded == b"id: 7\nevent: add\ndata: 1\ndata: 2\n\n"
    assert tokens(encoded).events == [RawEvent("add", "1\n2", "7")]


@pytest.mark.parametrize("kind", ["message", ""])
def test_the_default_type_is_not_written(kind: str) -> None:
    """A message needs no event field, and an empty type is a message's."""
    assert encode(RawEvent(kind, "x")) == b"data: x\n\n"


def test_empty_data_are_written() -> None:
    """An event of empty data has a data field, without which it would be none."""
    encoded = encode(RawEvent("message", ""))
    assert encoded == b"data: \n\n"
    assert tokens(encoded).events == [RawEvent("message", "", "")]


@pytest.mark.parametrize(
    "text", [" x", "  x ", "\tx", ":x", ": x", "data: x", "\ufeffx", "", " ", "[DONE]"]
)
def test_leading_characters_survive(text: str) -> None:
    """Spaces, colons and byte order marks at the start of any field arrive as they were."""
    event = RawEvent(text or "message", text, text)
    assert tokens(encode(event)).events == [event]


@pytest.mark.parametrize(
    "text",
    ["x\n\nevent: done\ndata: x", "x\n\n\n", "\n", "\n\nid: 9\nretry: 1\n", "x\n: comment"],
)
def test_no_text_can_forge_a_field(text: str) -> None:
    """Line ends in the data stay data: no event, field or comment begins there."""
    found = tokens(encode(RawEvent("message", text)))
    assert found.events == [RawEvent("message", text, "")]
    assert found.reconnection_time is None
    assert found.comments == 0


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("a\r\nb", "a\nb"),
        ("a\rb", "a\nb"),
        ("a\r\r\nb", "a\n\nb"),
        ("a\n\rb", "a\n\nb"),
        ("\r", "\n"),
        ("x\r\revent: done\rdata: y", "x\n\nevent: done\ndata: y"),
    ],
)
def test_a_carriage_return_becomes_lf(text: str, sent: str) -> None:
    """The format cannot carry CR, so CR and CRLF in the data arrive as LF, and forge nothing."""
    assert tokens(encode(RawEvent("message", text))).events == [RawEvent("message", sent, "")]


def test_other_separators_are_plain_text() -> None:
    """What only Python takes for a line end stays in its line."""
    text = "a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g\0h"
    event = RawEvent(text, text)
    assert encode(event) == b"event: " + text.encode() + b"\ndata: " + text.encode() + b"\n\n"
    assert tokens(encode(event)).events == [event]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"], ids=["LF", "CR", "CRLF"])
@pytest.mark.parametrize("text", ["{}", "{}x", "x{}", "x{}data: y"])
def test_a_type_with_a_line_end_is_refused(text: str, end: str) -> None:
    """A type is one line; anything else would forge a field."""
    with pytest.raises(ValueError, match="type must not contain a line break"):
        encode(RawEvent(text.format(end), "x"))


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"], ids=["LF", "CR", "CRLF"])
@pytest.mark.parametrize("text", ["{}", "{}x", "x{}", "x{}data: y"])
def test_an_id_with_a_line_end_is_refused(text: str, end: str) -> None:
    """An ID is one line; anything else would forge a field."""
    with pytest.raises(ValueError, match="last_event_id must not contain a line break"):
        encode(RawEvent("message", "x", text.format(end)))


@pytest.mark.parametrize("text", ["\0", "7\0", "\x007"])
def test_an_id_with_null_is_refused(text: str) -> None:
    """A reader ignores an ID that holds a NULL, so it cannot be sent."""
    with pytest.raises(ValueError, match=r"^last_event_id must not contain a NULL$"):
        encode(RawEvent("message", "x", text))


def test_an_id_is_written_only_where_it_changes() -> None:
    """The reader keeps the last event ID, so it is sent when it differs, also to empty it."""
    event = RawEvent("message", "x", "7")
    assert encode(event, last_event_id="7") == b"data: x\n\n"
    assert encode(event, last_event_id="6") == b"id: 7\ndata: x\n\n"
    assert encode(RawEvent("message", "x"), last_event_id="7") == b"id: \ndata: x\n\n"


def test_a_stream_is_encoded_event_by_event() -> None:
    """Each event of a stream is one chunk, with an id field wherever the ID changes."""
    events = [
        RawEvent("message", "1", ""),
        RawEvent("a", "2", "7"),
        RawEvent("message", "3", "7"),
        RawEvent("message", "4", ""),
    ]
    chunks = list(encode_all(events))
    assert chunks == [
        b"data: 1\n\n",
        b"id: 7\nevent: a\ndata: 2\n\n",
        b"data: 3\n\n",
        b"id: \ndata: 4\n\n",
    ]
    assert tokens(b"".join(chunks)).events == events


def test_encoding_a_stream_waits_for_each_event() -> None:
    """The bytes of an event are there before the next event is asked for."""
    events = iter([RawEvent("message", "1"), RawEvent("message", "2")])
    chunks = encode_all(events)
    assert next(chunks) == b"data: 1\n\n"
    assert next(events) == RawEvent("message", "2")


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("", b""),
        ("plain", b"plain"),
        ("\u00e9\u20ac\U0001f600", b"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
        ("\ufeff", b"\xef\xbb\xbf"),
        ("a\ud83d\ude00", b"a\xf0\x9f\x98\x80"),  # two halves
        ("\ufeff\ud83d\ude00", b"\xef\xbb\xbf\xf0\x9f\x98\x80"),
        ("a\ud83db", b"a\xef\xbf\xbdb"),
        ("x\ude00y", b"x\xef\xbf\xbdy"),
        ("\ude00\ud83d", b"\xef\xbf\xbd\xef\xbf\xbd"),
        ("\ud83d\ud83d\ude00", b"\xef\xbf\xbd\xf0\x9f\x98\x80"),
        ("\ud83d\r\n", b"\xef\xbf\xbd\r\n"),
    ],
    ids=ascii,
)
def test_utf8_takes_any_text(text: str, encoded: bytes) -> None:
    """Halves of a surrogate pair are joined where they meet; one alone becomes U+FFFD."""
    assert utf8(text) == encoded


def test_an_event_may_hold_half_a_surrogate_pair() -> None:
    """Text that JSON brought in and UTF-8 cannot carry is repaired, not refused."""
    event = RawEvent("\ud83d", "\ud83d\nx\ud83d\ude00", "\ude00")
    assert encode(event) == (
        b"id: \xef\xbf\xbd\nevent: \xef\xbf\xbd\ndata: \xef\xbf\xbd\ndata: x\xf0\x9f\x98\x80\n\n"
    )
