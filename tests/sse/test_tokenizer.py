"""The tokenizer obeys the WHATWG standard, keeps its limit and does linear work.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import tracemalloc
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import reference
from properties import pieces, tokenize, tokens
from typing_extensions import Self

from openai_scan import EventTooLargeError
from openai_scan.sse import DEFAULT_MAX_EVENT_BYTES, EventTokenizer, RawEvent


def events(stream: bytes) -> list[RawEvent]:
    """Return the events of *stream*, fed whole, byte by byte, in odd pieces and with a tail."""
    return tokens(stream).events


def message(*data: str) -> list[RawEvent]:
    """Return one unnamed event for each of *data*."""
    return [RawEvent("message", text, "") for text in data]


# The standard's own examples.


def test_whatwg_example_of_two_lines() -> None:
    """Several data lines make one event, joined by LF."""
    assert events(b"data: YHOO\ndata: +2\ndata: 10\n\n") == message("YHOO\n+2\n10")


def test_whatwg_example_of_ids() -> None:
    """A comment is ignored, an empty id resets the last event ID, the last block is discarded."""
    stream = (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event"
    )
    assert events(stream) == [
        RawEvent("message", "first event", "1"),
        RawEvent("message", "second event", ""),
    ]


def test_whatwg_example_of_empty_data() -> None:
    """A data field without a value makes an event of empty data; an unfinished one makes none."""
    assert events(b"data\n\ndata\ndata\n\ndata:") == message("", "\n")


def test_whatwg_example_of_leading_spaces() -> None:
    """One space after the colon is left out, so both events are the same."""
    assert events(b"data:test\n\ndata: test\n\n") == message("test", "test")


def test_whatwg_example_of_named_events() -> None:
    """The event field names the type of its own event."""
    assert events(b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n") == [
        RawEvent("add", "73857293", ""),
        RawEvent("remove", "2153", ""),
    ]


# The byte order mark.


def test_a_byte_order_mark_at_the_start_is_ignored() -> None:
    """One byte order mark at the very start is not part of the first line."""
    assert events(b"\xef\xbb\xbfdata: 1\n\ndata: 2\n\n") == message("1", "2")


def test_a_second_byte_order_mark_is_kept() -> None:
    """A second byte order mark belongs to the first field's name, which is then unknown."""
    stream = b"\xef\xbb\xbf\xef\xbb\xbfdata: 1\n\ndata: 2\n\ndata: 3\n\n"
    assert events(stream) == message("2", "3")


def test_a_later_byte_order_mark_is_kept() -> None:
    """A byte order mark after the start is a character like any other."""
    stream = b"data: 1\n\n\xef\xbb\xbfdata: 2\n\ndata: \xef\xbb\xbf3\n\n"
    assert events(stream) == message("1", "\ufeff3")


@pytest.mark.parametrize("half", [b"\xef", b"\xef\xbb"])
def test_a_part_of_a_byte_order_mark_is_bad_utf8(half: bytes) -> None:
    """A part of a byte order mark is not a mark, so it spoils the first field's name."""
    assert events(half + b"data: 1\n\ndata: 2\n\n") == message("2")


@pytest.mark.parametrize("half", [b"", b"\xef", b"\xef\xbb", b"\xef\xbb\xbf"])
def test_a_stream_of_a_byte_order_mark_has_no_events(half: bytes) -> None:
    """A stream that is empty, or ends in or after its byte order mark, has nothing in it."""
    found = tokens(half)
    assert found.events == []
    assert found.pending is None


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_a_utf16_byte_order_mark_is_bad_utf8(mark: bytes) -> None:
    """Event streams are always UTF-8: no other byte order mark is known."""
    assert events(mark + b"data: 1\n\ndata: 2\n\n") == message("2")


# Lines.


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_each_line_end_ends_a_line(end: bytes) -> None:
    """LF, CRLF and CR each end a line, and each twice in a row ends an event."""
    stream = b"event: a\ndata: 1\ndata: 2\n\ndata: 3\n\n".replace(b"\n", end)
    assert events(stream) == [RawEvent("a", "1\n2", ""), RawEvent("message", "3", "")]


def test_line_ends_may_be_mixed() -> None:
    """Line ends of all kinds may follow each other in one stream."""
    stream = b"data: a\r\ndata: b\rdata: c\ndata: d\r\r\ndata: e\n\r\ndata: f\r\n\rdata: g\n\r"
    assert events(stream) == message("a\nb\nc\nd", "e", "f", "g")


def test_a_crlf_that_is_cut_in_two_is_one_line_end() -> None:
    """An LF that arrives after the CR it belongs to ends no line of its own."""
    found = tokenize([b"data: A\r\n", b"data: B\r", b"data: C\r\n", b"\n"])
    assert found.events == message("A\nB\nC")


def test_an_empty_chunk_does_not_part_a_crlf() -> None:
    """An empty chunk between CR and LF changes nothing."""
    assert tokenize([b"data: a\r", b"", b"\ndata: b\r", b"", b"\n\r\n"]).events == message("a\nb")


def test_two_crs_are_two_line_ends() -> None:
    """A CR after a CR is a line end of its own."""
    assert events(b"data: 1\r\rdata: 2\r\r") == message("1", "2")


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"], ids=["CR", "LF", "CRLF"])
def test_no_event_waits_for_the_next_chunk(end: bytes) -> None:
    """An event is out as soon as its blank line's first byte is in, also if that is a CR."""
    tokenizer = EventTokenizer()
    assert list(tokenizer.feed(b"data: x" + end)) == []
    assert list(tokenizer.feed(end[:1])) == message("x")
    assert list(tokenizer.feed(end[1:])) == []
    assert list(tokenizer.feed(b"data: y" + end + end)) == message("y")


@pytest.mark.parametrize(
    "character", list("\x00\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), ids=lambda c: f"U+{ord(c):04X}"
)
def test_no_other_character_ends_a_line(character: str) -> None:
    """Characters that Python's str.splitlines() splits at, and NULL, are plain text."""
    stream = f"data: a{character}b\ndata: {character}\n{character}\n\n".encode()
    assert events(stream) == message(f"a{character}b\n{character}")


def test_blank_lines_alone_make_no_events() -> None:
    """Blank lines before, between and after events mean nothing."""
    assert events(b"\n\n\r\rdata: x\n\n\n\r\n\n") == message("x")


# Fields.


def test_a_field_without_colon_has_no_value() -> None:
    """A line without colon is a field's name, and its value is empty."""
    stream = b"id: 1\nevent: a\ndata: x\n\nid\nevent\ndata\n\n"
    assert events(stream) == [RawEvent("a", "x", "1"), RawEvent("message", "", "")]


def test_only_one_space_is_left_out() -> None:
    """Only the first space after the colon is left out, and a tab never is."""
    stream = b"data:  a\ndata:\tb\ndata: \ndata:c \n\n"
    assert events(stream) == message(" a\n\tb\n\nc ")


def test_only_the_first_colon_parts_name_and_value() -> None:
    """Colons after the first belong to the value."""
    assert events(b"data::a: b:\n\n") == message(":a: b:")


@pytest.mark.parametrize(
    "line",
    [
        *[b"DATA: x", b"Data: x", b"datas: x", b"dat: x", b" data: x", b"data : x", b"data\t: x"],
        *[b"\0data: x", b"data\0: x", b"unknown: x", b"a long name without colon", b"\xff: x"],
    ],
)
def test_unknown_fields_are_ignored(line: bytes) -> None:
    """A field whose name is not exactly a known one is ignored, finished or not."""
    assert events(b"data: 1\n" + line + b"\ndata: 2\n\n" + line) == message("1\n2")


@pytest.mark.parametrize("comment", [b":", b": x", b":data: x", b":\0", b": \xff", b"::"])
def test_comments_are_ignored_and_counted(comment: bytes) -> None:
    """A line that begins with a colon is ignored, and counted, unfinished ones included."""
    found = tokens(comment + b"\ndata: 1\n" + comment + b"\n\n" + comment)
    assert found.events == message("1")
    assert found.comments == 3


@pytest.mark.parametrize(
    "stream",
    [
        *[b": OPENROUTER PROCESSING\n\n", b":\n\n", b": x-cost=1\n\n"],
        *[b"event: x\n\n", b"id: 1\n\n", b"retry: 1\n\n", b"event: x\n:\nunknown: y\n\n"],
    ],
)
def test_an_event_without_data_is_not_dispatched(stream: bytes) -> None:
    """Without a data field there is no event, whatever else the block holds."""
    assert events(stream) == []


@pytest.mark.parametrize("stream", [b"data:\n\n", b"data\n\n", b"data: \n\n"])
def test_an_event_of_empty_data_is_dispatched(stream: bytes) -> None:
    """A data field, even an empty one, makes an event."""
    assert events(stream) == message("")


def test_data_that_looks_like_a_comment_is_data() -> None:
    """What a server writes after `data:` is data, also if it begins with a colon."""
    assert events(b"data: : OPENROUTER PROCESSING\n\n") == message(": OPENROUTER PROCESSING")


def test_done_is_data_like_any_other() -> None:
    """The tokenizer knows no `[DONE]`: it hands out the data as they are."""
    stream = b"data: [DONE] \n\ndata:[DONE]\n\ndata: say [DONE] now\n\ndata: [DONE]"
    assert events(stream) == message("[DONE] ", "[DONE]", "say [DONE] now")


@pytest.mark.parametrize("stream", [b"data: x", b"data: x\n", b"data: x\r", b"data: x\ndata"])
def test_an_unterminated_block_is_not_dispatched(stream: bytes) -> None:
    """Without its blank line a block is not an event."""
    assert events(b"data: before\n\n" + stream) == message("before")


def test_the_last_event_field_names_the_type() -> None:
    """Of several event fields the last one counts, and an empty one takes the name back."""
    stream = b"event: a\nevent: b\ndata: 1\n\nevent: a\nevent:\ndata: 2\n\ndata: 3\nevent: c\n\n"
    assert events(stream) == [
        RawEvent("b", "1", ""),
        RawEvent("message", "2", ""),
        RawEvent("c", "3", ""),
    ]


def test_the_type_holds_for_one_event() -> None:
    """The type is forgotten at every blank line, also where no event was dispatched."""
    assert events(b"event: a\ndata: 1\n\ndata: 2\n\nevent: b\n\ndata: 3\n\n") == [
        RawEvent("a", "1", ""),
        RawEvent("message", "2", ""),
        RawEvent("message", "3", ""),
    ]


def test_the_type_is_any_text() -> None:
    """Spaces, colons, NULL and any other character may stand in a type."""
    stream = "event:  a:b\0\u2028\u00e9 \ndata: 1\n\n".encode()
    assert events(stream) == [RawEvent(" a:b\0\u2028\u00e9 ", "1", "")]


def test_the_id_is_kept_across_events() -> None:
    """An event without an id field has the ID of the one before it."""
    found = tokens(b"data: 1\n\nid: 7\ndata: 2\n\ndata: 3\n\nid: 8\nid: 9\ndata: 4\n\n")
    assert found.events == [
        RawEvent("message", "1", ""),
        RawEvent("message", "2", "7"),
        RawEvent("message", "3", "7"),
        RawEvent("message", "4", "9"),
    ]
    assert found.last_event_id == "9"


def test_the_id_counts_from_the_blank_line_on() -> None:
    """The last event ID is that of the last finished block, also of one without data."""
    assert tokens(b"id: 1\ndata: x\n\nid: 2\n\n").last_event_id == "2"
    assert tokens(b"id: 1\ndata: x\n\nid: 2\n").last_event_id == "1"
    assert tokens(b"id: 1\ndata: x\n\nid: 2\n\nid: 3").last_event_id == "2"


@pytest.mark.parametrize("value", [b"\0", b"2\0", b"\x002", b"2\x003"])
def test_an_id_with_null_is_ignored(value: bytes) -> None:
    """An id field that holds a NULL leaves the last event ID as it was."""
    stream = b"id: 1\ndata: a\n\nid: " + value + b"\ndata: b\n\n"
    assert events(stream) == [RawEvent("message", "a", "1"), RawEvent("message", "b", "1")]


def test_an_id_may_be_any_other_text() -> None:
    """An id keeps its spaces but the first, its colons and its non-ASCII characters."""
    stream = "id:  \u2026:7 \ndata: x\n\n".encode()
    assert events(stream) == [RawEvent("message", "x", " \u2026:7 ")]


@pytest.mark.parametrize(
    ("value", "time"),
    [
        pytest.param(b"3000", 3000),
        pytest.param(b"0", 0),
        pytest.param(b"007", 7),
        pytest.param(b"000", 0),
        pytest.param(b"9" * 640, 10**640 - 1, id="640 digits"),
        pytest.param(b"0" * 10_000 + b"5", 5, id="10000 zeros"),
    ],
)
def test_retry_sets_the_reconnection_time(value: bytes, time: int) -> None:
    """A retry of ASCII digits alone sets the reconnection time at once, without a blank line."""
    found = tokens(b"retry: 1\nretry: " + value + b"\n")
    assert found.reconnection_time == time


@pytest.mark.parametrize(
    "value",
    [
        *[b"", b" ", b" 5", b"5 ", b"-5", b"+5", b"5.0", b"5_0", b"0x5", b"5s", b"1e3", b"\0"],
        # Digits of other scripts, which str.isdigit() and int() would take.
        *["\u0665".encode(), "\u00b2".encode(), "\uff15".encode()],
        pytest.param(b"9" * 641, id="641 digits"),
        pytest.param(b"9" * 10_000, id="10000 digits"),
    ],
)
def test_a_bogus_retry_is_ignored(value: bytes) -> None:
    """A retry of anything else, or of more digits than int() takes, leaves the time as it was."""
    assert tokens(b"retry: " + value + b"\n").reconnection_time is None
    assert tokens(b"retry: 1\nretry: " + value + b"\n\n").reconnection_time == 1


def test_a_retry_without_line_end_is_ignored() -> None:
    """An unfinished retry might continue, so it does not count."""
    assert tokens(b"retry: 10").reconnection_time is None


def test_a_retry_without_colon_is_ignored() -> None:
    """A retry without value names no time."""
    assert tokens(b"retry\ndata: x\n\n").reconnection_time is None


# UTF-8.


def test_utf8_is_decoded_wherever_it_is_cut() -> None:
    """A character of several bytes stays one, also if its bytes arrive one at a time."""
    stream = "event: \u00e9\u20ac\nid: \U0001f600\ndata: \u00e9\u20ac\U0001f600\n\n".encode()
    assert events(stream) == [
        RawEvent("\u00e9\u20ac", "\u00e9\u20ac\U0001f600", "\U0001f600"),
    ]


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (b"\xff", "\ufffd"),
        (b"\x80", "\ufffd"),
        (b"\xc0\xaf", "\ufffd\ufffd"),  # an overlong slash
        (b"\xe0\x80\xaf", "\ufffd\ufffd\ufffd"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),  # half a surrogate pair
        (b"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"),  # after the last character
        (b"\xe2\x82", "\ufffd"),  # a character without its end is one U+FFFD
        (b"\xf0\x9f\x98", "\ufffd"),
        (b"\xf0\x9f\x98x", "\ufffdx"),
        (b"\xe2\xe2\x82\xac", "\ufffd\u20ac"),
    ],
    ids=str,
)
def test_bad_utf8_becomes_replacement_characters(bad: bytes, text: str) -> None:
    """Bad UTF-8 becomes U+FFFD as the Encoding standard asks, in data, type and id."""
    found = tokens(b"event: " + bad + b"\nid: " + bad + b"\ndata: " + bad + b"\n\n")
    assert found.events == [RawEvent(text, text, text)]
    assert found.replacements == 1


def test_bad_utf8_does_not_swallow_a_line_end() -> None:
    """A character that lacks its end does not take the line end, nor the next line, with it."""
    assert events(b"data: \xf0\x9f\x98\ndata: \x98\x80\n\n") == message("\ufffd\n\ufffd\ufffd")


def test_bad_utf8_where_it_is_ignored_does_nothing() -> None:
    """Bad UTF-8 in comments, unknown fields and unfinished lines is not counted."""
    found = tokens(b": \xff\n\xff: \xff\ndata: ok\n\n: \xf0\x9f")
    assert found.events == message("ok")
    assert found.replacements == 0


def test_events_with_bad_utf8_are_counted() -> None:
    """Each event whose data were repaired counts once, good ones do not."""
    found = tokens(b"data: \xff\ndata: \xff\n\ndata: ok\n\ndata: \xff\n\n")
    assert found.events == message("\ufffd\n\ufffd", "ok", "\ufffd")
    assert found.replacements == 2


# Fields beyond the standard.


def test_a_further_field_is_a_type_and_its_data() -> None:
    """A field named in event_fields makes an event of its name, finished by a blank line."""
    found = tokens(b'error: {"code":400}\n\nerror\n\ndata: x\n\n', event_fields=("error",))
    assert found.events == [
        RawEvent("error", '{"code":400}', ""),
        RawEvent("error", "", ""),
        RawEvent("message", "x", ""),
    ]


def test_a_further_field_is_unknown_unless_it_is_asked_for() -> None:
    """By default only the standard's fields are known."""
    assert events(b"error: x\n\ndata: y\n\n") == message("y")


def test_a_further_field_joins_the_data_of_its_block() -> None:
    """Among data and event fields, the data are joined and the last type counts."""
    found = tokens(b"data: 1\nerror: 2\ndata: 3\n\nerror: 4\nevent: b\n\n", event_fields=["error"])
    assert found.events == [RawEvent("error", "1\n2\n3", ""), RawEvent("b", "4", "")]


@pytest.mark.parametrize("name", ["skipped", "a_name_longer_than_the_known_ones", "e"])
def test_a_further_field_may_have_any_name(name: str) -> None:
    """Whatever its name, a further field is read when it comes, and only then."""
    stream = b": a long comment\nunknown: a long line\n\n" + name.encode() + b": x\n\n"
    assert tokens(stream, event_fields=(name,)).events == [RawEvent(name, "x", "")]


# What is pending.


@pytest.mark.parametrize(
    ("stream", "pending"),
    [
        (b"data: x", RawEvent("message", "x", "")),
        (b"data: x\n", RawEvent("message", "x", "")),
        (b"event: a\nid: 7\ndata: x\ndata: y", RawEvent("a", "x\ny", "7")),
        (b"data:", RawEvent("message", "", "")),
        (b"data: x\ndata", RawEvent("message", "x", "")),
        (b"data: x\nevent: thread.r", RawEvent("message", "x", "")),
        (b"data: \xf0\x9f", RawEvent("message", "\ufffd", "")),
        (b"error: x", RawEvent("error", "x", "")),
        (b"event: a\ndata: 1\nerror: 2", RawEvent("error", "1\n2", "")),
        (b"error: 1\ndata: 2", RawEvent("error", "1\n2", "")),
        (b"data: x\n\n", None),
        (b"data: x\n\nevent: a\nid: 7\n: comment\nunknown: y", None),
        (b"dat", None),
        (b"data", None),
        (b"error", None),
        (b"", None),
    ],
)
def test_pending_is_the_block_that_was_cut_off(stream: bytes, pending: RawEvent | None) -> None:
    """A block with data but no blank line is pending; a line without its end is not part."""
    found = tokens(stream, event_fields=("error",))
    assert found.pending == pending
    assert found.replacements == 0


def test_to_ask_for_pending_changes_nothing() -> None:
    """Reading `pending` twice gives the same, and the event comes later."""
    tokenizer = EventTokenizer()
    assert list(tokenizer.feed(b"data: 1\ndata: \xff")) == []
    assert tokenizer.pending == tokenizer.pending == RawEvent("message", "1\n\ufffd", "")
    assert tokenizer.replacements == 0
    assert list(tokenizer.feed(b"2\n\n")) == message("1\n\ufffd2")
    assert tokenizer.replacements == 1
    assert tokenizer.pending is None


# What may be fed.


@pytest.mark.parametrize(
    "kind",
    [bytes, bytearray, memoryview, lambda data: array("B", data)],
    ids=["bytes", "bytearray", "memoryview", "array"],
)
def test_any_bytes_may_be_fed(kind: type) -> None:
    """Bytes, bytearrays, memoryviews and other buffers are all fine."""
    assert list(EventTokenizer().feed(kind(b"data: x\n\n"))) == message("x")


def test_a_reused_buffer_is_safe() -> None:
    """Nothing holds on to the buffer, so the caller may fill it again."""
    tokenizer = EventTokenizer()
    buffer = bytearray(b"data: x\nda")
    assert list(tokenizer.feed(buffer)) == []
    buffer[:] = b"ta: y\n\n"
    assert list(tokenizer.feed(buffer)) == message("x\ny")


@pytest.mark.parametrize("chunk", ["data: x\n\n", None, 7, ["data"]])
def test_what_is_not_bytes_is_refused(chunk: object) -> None:
    """Text, or anything else that is not bytes, is the caller's mistake."""
    with pytest.raises(TypeError):
        EventTokenizer().feed(chunk)  # type: ignore[arg-type] # that is the point


# The limit.


@pytest.mark.parametrize(
    "stream",
    [
        b"data: 12345678\n\n",
        b"data:12345678\n\n",
        b"data: 1234\ndata: 678\n\n",  # the LF between them is kept too
        b"event: 1234\ndata: 5678\n\n",
        b"id: 1234\ndata: 5678\n\n",
        b"event: 12\nid: 34\ndata: 5678\n\n",
        b"event: 1234\nevent: 12\ndata: 345678\n\n",
        b"id: 1234\nid: 12\ndata: 345678\n\n",
        b"data\n" * 9 + b"\n",
        b"retry: 12345678\ndata: 12345678\n\n",
        b"error: 12345678\n\n",
        b"event: 1234\nerror: 1\nerror: 345678\n\n",
    ],
)
def test_what_is_as_large_as_the_limit_is_fine(stream: bytes) -> None:
    """Data, type and id of one event may be as large as the limit, again and again."""
    found = tokens(stream * 3, max_event_bytes=8, event_fields=("error",))
    assert len(found.events) == 3
    assert not found.too_large


@pytest.mark.parametrize(
    "stream",
    [
        b"data: 123456789",
        b"data: 1234\ndata: 6789",
        b"event: 1234\ndata: 56789",
        b"data: 1\nevent: 23456789",
        b"id: 1234\ndata: 56789",
        b"id: 123456789",
        b"id: 12345678\0",
        b"event: 123456789",
        b"retry: 123456789",
        b"data\n" * 9 + b"data\n",
        b"data\n" * 9 + b"data:",
        b"error: 123456789",
        b"error: 1234\nerror: 6789",
        b"error: 1234\ndata: 6789",
    ],
)
def test_one_byte_more_than_the_limit_is_too_large(stream: bytes) -> None:
    """The limit strikes with the first byte above it, after all events before have come."""
    settings = {"max_event_bytes": 8, "event_fields": ("error",)}
    found = tokens(b"data: before\n\n" + stream, **settings)
    assert found.events == message("before")
    assert found.too_large
    assert found.pending is None
    assert not tokens(stream[:-1], **settings).too_large


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "line", [b": comment", b"unknown: field", b"unknown", b":", b"eventual: x", b"retry: 12345678"]
)
def test_what_is_not_kept_does_not_count(line: bytes) -> None:
    """Comments, unknown fields and times may come by the thousand without reaching the limit."""
    found = tokens((line + b"\n") * 1000 + b"data: 12345678\n\n", max_event_bytes=8)
    assert found.events == message("12345678")


def test_what_is_replaced_does_not_count() -> None:
    """A type or an ID that a later one replaces is not kept any more."""
    found = tokens(b"event: abc\nid: 1\n" * 1000 + b"data: 1234\n\n", max_event_bytes=8)
    assert found.events == [RawEvent("abc", "1234", "1")]


def test_the_limit_cannot_be_talked_down() -> None:
    """Changing the type back and forth does not make room for more data."""
    loop = b"error: abc\nevent:\n"
    found = tokens(loop * 1000 + b"\n", max_event_bytes=80, event_fields=("error",))
    assert found.too_large
    assert not tokens(loop * 20 + b"\n", max_event_bytes=80, event_fields=("error",)).too_large


def test_the_error_comes_after_the_events_before_it() -> None:
    """The events that one chunk completes are taken first; then the error is raised, for good."""
    tokenizer = EventTokenizer(max_event_bytes=4)
    found = iter(tokenizer.feed(b"data: 1\n\ndata: 2\n\ndata: 12345\n\ndata: 3\n\n"))
    assert next(found) == RawEvent("message", "1", "")
    assert next(found) == RawEvent("message", "2", "")
    with pytest.raises(EventTooLargeError, match="max_event_bytes=4") as raised:
        next(found)
    assert raised.value.limit == 4
    with pytest.raises(EventTooLargeError) as again:
        tokenizer.feed(b"data: 4\n\n")
    assert again.value is raised.value


def test_an_error_that_no_event_precedes_is_raised_at_once() -> None:
    """Where the chunk completes no event, feed() itself raises."""
    with pytest.raises(EventTooLargeError):
        EventTokenizer(max_event_bytes=4).feed(b"data: 12345")


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    """A limit that no event could keep is the caller's mistake."""
    with pytest.raises(ValueError, match="max_event_bytes must be at least 1"):
        EventTokenizer(limit)


# Memory and work.


@pytest.fixture
def traced() -> Iterator[None]:
    """Trace all memory that Python asks for."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


def takes_less(most: int, chunks: Callable[[], Iterable[bytes]], limit: int) -> bool:
    """Return whether *most* bytes are enough to feed *chunks* until they end or the limit strikes.

    What other threads of the process ask for is counted too, so it may take another try.
    """
    for _ in range(3):
        tracemalloc.clear_traces()
        before, _ = tracemalloc.get_traced_memory()
        tokenize(iter(chunks()), max_event_bytes=limit, event_fields=("error",))
        if tracemalloc.get_traced_memory()[1] - before < most:
            return True
    return False


@pytest.mark.unmeasured
@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(
    "part",
    [
        pytest.param(b"data: " + b"x" * 1018, id="one line"),
        pytest.param(b"data:ab\n" * 128, id="short lines"),
        pytest.param(b"data\n" * 205, id="empty lines"),
        pytest.param(b"error:\nevent:\n" * 73, id="other fields"),
        pytest.param(b"id: 1\nevent: abc\n" * 60 + b"data\n", id="all fields"),
    ],
)
def test_memory_is_bounded_by_the_limit(part: bytes) -> None:
    """However large an event is and whatever its lines are, little more than the limit is kept."""
    limit = 64 * 1024
    assert takes_less(2 * limit, lambda: (part for _ in range(512)), limit)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("start", [b": ", b"unknown: ", b"unknown", b"data\0: "], ids=str)
def test_memory_is_free_of_what_is_ignored(start: bytes) -> None:
    """A line that will be ignored is not kept, however long it is."""

    def chunks() -> Iterator[bytes]:
        return (start if i == 0 else b"x" * 1024 for i in range(1024))

    assert takes_less(32 * 1024, chunks, 1024 * 1024)


@pytest.mark.unmeasured
@pytest.mark.usefixtures("traced")
def test_a_huge_chunk_of_line_ends_takes_little_memory() -> None:
    """A chunk of nothing but line ends is not turned into as many lines at once."""
    chunk = b"\n" * (256 * 1024)  # whose lines would take 2 MiB for their places in a list alone
    assert takes_less(3 * 512 * 1024, lambda: [chunk], 1024)  # it takes 0.85 MiB


class Counting(bytearray):
    """A buffer that counts the bytes that go in and out of it."""

    moved = 0

    def __iadd__(self, part: object) -> Self:
        assert isinstance(part, bytes | bytearray)
        self.moved += len(part)
        return super().__iadd__(part)

    def __getitem__(self, index: object) -> Any:
        found = super().__getitem__(index)  # type: ignore[call-overload] # as it was asked for
        self.moved += len(found) if isinstance(index, slice) else 1
        return found

    def __bytes__(self) -> bytes:
        self.moved += len(self)
        return memoryview(self).tobytes()


@pytest.mark.unmeasured
@pytest.mark.parametrize("limit", [70_000, DEFAULT_MAX_EVENT_BYTES])
@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_work_is_linear_in_the_input(size: int, limit: int) -> None:
    """A long line's bytes are moved in once and out once, whatever the size of the chunks.

    With the lower limit the bytes do not stay in the block, and are moved once more.
    """
    stream = b"data: " + b"x" * 65_536
    tokenizer = EventTokenizer(limit)
    # This looks inside, because counting is reliable and measuring time is not.
    block = tokenizer._block = Counting()
    line = tokenizer._line = Counting()
    chunks = pieces(stream, [size])
    for chunk in chunks:
        assert list(tokenizer.feed(chunk)) == []
    per_chunk = 8  # for the field's name and the space after its colon
    assert block.moved + line.moved <= 2 * len(stream) + per_chunk * len(chunks)
    assert list(tokenizer.feed(b"\n\n")) == message("x" * 65_536)
    assert block.moved + line.moved <= 3 * len(stream) + per_chunk * len(chunks)


# Beyond a thousand bytes, blocks are looked for in another way.
LONG_BLOCKS = [
    b"data: " + b"x" * 2000 + b"\n\n",
    b"data:" + b"x" * 2000 + b"\n\n",
    b"event: long\ndata: " + b"x" * 2000 + b"\n\n",
    b"event:long\ndata:" + b"x" * 2000 + b"\n\n",
]
BLOCKS = [
    b"",
    b"data: x\n\n",
    b"data:x\n\n",
    b"data:  x\n\n",
    b"data: \n\n",
    b"data:\n\n",
    b"data\n\n",
    b"event: short\ndata: x\n\n",
    b"event:short\ndata:x\n\n",
    b"event:  short\ndata:  x\n\n",
    b"event: \ndata: x\n\n",
    b"event\ndata: x\n\n",
    b"event: short\n\n",
    b"event: short\n",
    b"data: x\ndata: y\n\n",
    b"data: x\nevent: short\n\n",
    b"data: x\n",
    b"event: short\ndata: x\nid: 7\n\n",
    b"id: 7\ndata: x\n\n",
    b"datum: x\n\n",
    b": comment\n\n",
    b"retry: 1\n",
    b"\n",
]


@pytest.mark.parametrize("first", LONG_BLOCKS, ids=["data", "data:", "event", "event:"])
def test_what_follows_a_long_line_is_read_normally(first: bytes) -> None:
    """Any two blocks, or parts of blocks, that follow it in the same chunk."""
    for second in (*BLOCKS, first):
        for third in (*BLOCKS, first):
            stream = first + second + third + b"data: end\n\n"
            expected = reference.interpret(stream)
            found = tokenize([stream])
            assert [
                (event.type, event.data, event.last_event_id) for event in found.events
            ] == expected.dispatched


@pytest.mark.parametrize("block", [*LONG_BLOCKS, *BLOCKS[1:5], BLOCKS[7]])
def test_what_streams_are_made_of_is_not_taken_line_by_line(
    block: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of a line of data, named or not, long or not, one or several in a chunk."""
    monkeypatch.delattr(EventTokenizer, "_take_lines")
    for times in (1, 2, 3):
        assert len(list(EventTokenizer().feed(block * times))) == times
    assert len(list(EventTokenizer().feed(LONG_BLOCKS[0] + block + LONG_BLOCKS[2]))) == 3


def test_a_chunk_larger_than_a_piece_is_cut_anywhere() -> None:
    """A chunk that is worked through in pieces gives the same events, also where a CRLF is cut."""
    block = b"data: " + b"x" * 8183 + b"\r\n\r\n"  # so that a piece ends at each of the last bytes
    stream = (block + b"\n") * 40
    assert tokenize([stream]).events == message(*["x" * 8183] * 40)
