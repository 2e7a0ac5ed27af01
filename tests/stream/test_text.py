"""The text of a stream: half characters are joined, and reads return what they ask for."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_scan.stream.text import Halves, TextBuffer
from openai_scan.values import Piece

# The two halves of a character that JSON writes as two escapes, and the character.
HIGH, LOW, SMILE = "\ud83d", "\ude00", "\N{GRINNING FACE}"


def whole(*texts: str) -> list[str]:
    """Return what is handed out for each of *texts*, and what is left at the end."""
    halves = Halves()
    return [*(halves.join_text(text) for text in texts), halves.flush()]


# Half characters.


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], [""]),
        (["a", "", "b"], ["a", "", "b", ""]),
        ([HIGH, LOW], ["", SMILE, ""]),
        (["a" + HIGH, LOW + "b"], ["a", SMILE + "b", ""]),
        ([HIGH, "", LOW], ["", "", SMILE, ""]),
        ([HIGH, "a"], ["", "\ufffda", ""]),
        ([HIGH, HIGH, LOW], ["", "\ufffd", SMILE, ""]),
        ([LOW + "a"], ["\ufffda", ""]),
        (["a" + HIGH], ["a", "\ufffd"]),
        ([SMILE], [SMILE, ""]),
    ],
)
def test_half_a_character_waits_for_its_other_half(texts: list[str], expected: list[str]) -> None:
    """One that stays alone is U+FFFD."""
    assert whole(*texts) == expected


def test_what_is_left_is_handed_out_once() -> None:
    """After that there is nothing."""
    halves = Halves()
    halves.join_text(HIGH)
    assert [halves.flush(), halves.flush(), halves.join_text("a")] == ["\ufffd", "", "a"]


def test_each_kind_choice_and_call_waits_by_itself() -> None:
    """A half is never joined with the text of another."""
    halves = Halves()
    firsts = [
        Piece("text", text="a" + HIGH),
        Piece("text", 1, HIGH),
        Piece("reasoning", text=HIGH),
        Piece("call", 0, HIGH, "call_1", "f"),
        Piece("call", 0, HIGH, "call_2", "f"),
    ]
    assert [piece.text for piece in halves.join(firsts)] == ["a", "", "", "", ""]
    seconds = [attrs.evolve(piece, text=LOW) for piece in reversed(firsts)]
    assert halves.join(seconds) == tuple(attrs.evolve(piece, text=SMILE) for piece in seconds)
    assert not halves.waiting


def test_plain_pieces_stay_as_they_are() -> None:
    """If nothing can be half, the same list is returned."""
    pieces = [Piece("text", text="a"), Piece("call", call_id="call_1")]
    assert Halves().join(pieces) is pieces


@given(st.lists(st.text(st.characters(), max_size=4) | st.sampled_from([HIGH, LOW])))
def test_text_is_the_same_however_it_is_split(texts: list[str]) -> None:
    """Joined, it is what a decoder of UTF-16 makes of the halves; so it can be encoded."""
    utf16 = "".join(texts).encode("utf-16-le", "surrogatepass")
    assert "".join(whole(*texts)) == utf16.decode("utf-16-le", "replace")


# Reads.


def buffer_of(*texts: str) -> TextBuffer:
    """Return a buffer with *texts* in it."""
    buffer = TextBuffer()
    for text in texts:
        buffer.write(text)
    return buffer


def test_a_read_of_everything_wants_ever_more() -> None:
    """It wants text until the stream ends."""
    for size in (None, -1, -7):
        assert buffer_of().wants(size)
        assert buffer_of("a").wants(size)


def test_a_read_of_some_bytes_wants_text_if_there_is_none() -> None:
    """Any text will do, even what an earlier read has left, but not empty text."""
    assert buffer_of().wants(1)
    assert buffer_of("").wants(1)
    assert not buffer_of("a").wants(1)
    assert not buffer_of("", "a").wants(100)
    buffer = buffer_of("ab")
    assert buffer.take(1) == b"a"
    assert not buffer.wants(1)
    assert buffer.take(1) == b"b"
    assert buffer.wants(1)


def test_a_read_of_nothing_wants_nothing() -> None:
    """It takes nothing either."""
    buffer = buffer_of("a")
    assert not TextBuffer().wants(0)
    assert not buffer.wants(0)
    assert buffer.take(0) == b""
    assert buffer.take(None) == b"a"


def test_a_read_takes_at_most_what_it_asks_for() -> None:
    """The rest stays, also in the middle of a character."""
    buffer = buffer_of("a", "\N{EURO SIGN}", "b")
    assert [buffer.take(size) for size in (2, 2, 5, 5)] == [b"a\xe2", b"\x82\xac", b"b", b""]
    buffer.write("c")
    assert buffer.take(-1) == b"c"
    buffer.write("d")
    buffer.write("e")
    assert buffer.take(1) == b"d"
    buffer.write("f")
    assert buffer.take(None) == b"ef"
    assert buffer.take(None) == b""


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5)), st.integers(1, 4))
def test_reads_copy_the_text(texts: list[str], size: int) -> None:
    """Reads of any size return all of the text."""
    buffer = buffer_of(*texts)
    copied = b""
    while data := buffer.take(size):
        assert len(data) <= size
        copied += data
    assert copied == "".join(texts).encode()


# The error at the end.


def test_a_read_of_some_bytes_reports_the_error_when_all_text_is_out() -> None:
    """It does so each time."""
    buffer = buffer_of("ab")
    assert not buffer.reports(1)
    assert buffer.take(1) == b"a"
    assert not buffer.reports(1)
    assert buffer.take(1) == b"b"
    assert buffer.reports(1)
    assert buffer.reports(1)
    assert buffer_of("").reports(1)


def test_a_read_of_everything_reports_the_error_at_once() -> None:
    """The first time; the next call returns the text, and the one after it reports again."""
    for size in (None, -1):
        buffer = buffer_of("ab")
        assert [buffer.reports(size), buffer.reports(size)] == [True, False]
        assert buffer.take(size) == b"ab"
        assert buffer.reports(size)
        assert TextBuffer().reports(size)


def test_a_read_of_everything_returns_what_an_earlier_read_left() -> None:
    """That text has not been handed out yet."""
    buffer = buffer_of("ab")
    assert buffer.take(1) == b"a"
    assert [buffer.reports(None), buffer.reports(None)] == [True, False]
    assert buffer.take(None) == b"b"


def test_a_read_of_nothing_reports_nothing() -> None:
    """It cannot know that no text is left."""
    assert not TextBuffer().reports(0)
    assert not buffer_of("a").reports(0)
