"""Lines without a known field, line by line: what is kept of them, and what is reported."""

from __future__ import annotations

from openai_scan.sse import RawEvent
from openai_scan.sse.bare import BareLines, BareText


def taken(*lines: bytes, max_bytes: int = 1000) -> list[RawEvent]:
    """Return the events that *lines* add until the block ends."""
    bare = BareLines(is_kept=True, max_bytes=max_bytes)
    events: list[RawEvent] = []
    for line in lines:
        bare.take(line, events)
    bare.close(events)
    return events


def test_a_report_has_the_first_words_and_counts_all_lines() -> None:
    """It is a message, as any event without a name."""
    lines = (b"x", b"the model is loading", b"and more words")
    assert taken(*lines) == [BareText("message", "the model is loading", unclaimed=3)]


def test_words_may_be_cut_within_a_character() -> None:
    """They are quoted up to it, and it is replaced."""
    (report,) = taken(b"so " + b"a" * 196 + "\u20ac".encode())
    assert report.data == "so " + "a" * 196 + "\ufffd"


def test_text_is_kept_up_to_the_limit() -> None:
    """Its line ends count."""
    (shorter,) = taken(b'{"a": 12}', max_bytes=10)
    assert shorter.data == '{"a": 12}'
    (longer,) = taken(b'{"a": 123}', max_bytes=10)
    assert longer.data == ""


def test_an_unfinished_line_is_kept_up_to_the_limit() -> None:
    """If it is bare text, or may be. A line that no one wants is not kept at all."""
    bare = BareLines(is_kept=True, max_bytes=4)
    assert bare.may_take(bytearray(b'{"a"'), None)
    assert not bare.may_take(bytearray(b'{"a":'), None)
    assert not bare.may_take(bytearray(b"abc"), None)
    unwanted = BareLines(is_kept=False, max_bytes=4)
    assert not unwanted.may_take(bytearray(b"{"), None)
    assert not unwanted.may_take(bytearray(b'{"a":'), None)


def test_data_goes_on_until_its_brackets_are_closed() -> None:
    """From the first byte of the first block on, and after a blank."""
    for data in (b"{", b"[", b" {", b'{"a": ['):
        bare = BareLines(is_kept=True, max_bytes=1000)
        assert bare.goes_on(bytearray(data)), data
    for data in (b"{}", b"[]", b" {}", b"a{", b""):
        bare = BareLines(is_kept=True, max_bytes=1000)
        assert not bare.goes_on(bytearray(data)), data


def test_data_is_looked_at_once_as_it_grows() -> None:
    """The brackets of the part before are remembered."""
    bare = BareLines(is_kept=True, max_bytes=1000)
    assert bare.goes_on(bytearray(b'{"a": {'))
    assert bare.goes_on(bytearray(b'{"a": {'))
    assert bare.goes_on(bytearray(b'{"a": {\n}'))
    assert not bare.goes_on(bytearray(b'{"a": {\n}\n}'))


def test_each_bare_text_stands_alone() -> None:
    """It ends with its last bracket, and the next begins again."""
    bare = BareLines(is_kept=True, max_bytes=1000)
    events: list[RawEvent] = []
    for _ in range(3):
        bare.take(b"{", events)
        assert bare.is_open
        bare.take(b"}", events)
        assert not bare.is_open
    assert events == [BareText("message", "{\n}")] * 3


def test_each_report_stands_alone() -> None:
    """It counts from 0 again, and quotes only what came after the report before."""
    bare = BareLines(is_kept=True, max_bytes=1000)
    events: list[RawEvent] = []
    for lines in ([b"one line"], [b"x"], [b"two", b"more lines"]):
        for line in lines:
            bare.take(line, events)
        bare.report(events)
        assert bare.unclaimed == 0
    assert events == [
        BareText("message", "one line", unclaimed=1),
        BareText("message", "", unclaimed=1),
        BareText("message", "more lines", unclaimed=2),
    ]


def test_text_that_breaks_off_is_kept_as_it_came() -> None:
    """Without its line ends; bytes that are not UTF-8 are replaced."""
    assert taken(b'{"a": "X', b"") == [BareText("message", '{"a": "X')]
    assert taken(b'{"a": "X  ', b"") == [BareText("message", '{"a": "X  ')]
    assert taken(b'{"a": "\xff') == [BareText("message", '{"a": "\ufffd')]
