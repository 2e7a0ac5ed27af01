"""The content of a log's entries, and their cursors."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_scan.relay.entries import (
    HEAD,
    START,
    TEXTS,
    Entry,
    cursor_of,
    delta_of,
    encode_json,
    pieces_of,
    read_cursor,
    storable,
)
from openai_scan.values import Piece

pieces = st.builds(
    Piece,
    st.sampled_from([*TEXTS, "call", "audio", "image"]),
    st.integers(0, 3),
    st.text(min_size=1, max_size=8),  # halves of characters and NUL among them
    st.sampled_from(["", "call_1"]),
    st.sampled_from(["", "f"]),
)


@pytest.mark.parametrize(
    ("told", "position", "data"),
    [
        ([Piece("text", text="Hel")], None, {"text": "Hel"}),
        ([Piece("reasoning", text="First")], None, {"reasoning": "First"}),
        ([Piece("refusal", text="I cannot")], None, {"refusal": "I cannot"}),
        (
            [Piece("call", text="{", call_id="call_1", name="f")],
            None,
            {"call": "call_1", "name": "f", "arguments": "{"},
        ),
        ([Piece("text", 1, "Hel")], None, {"text": "Hel", "choice": 1}),
        (
            [Piece("text", text="a"), Piece("text", 1, "b")],
            3,
            {"pieces": [{"text": "a"}, {"text": "b", "choice": 1}], "n": 3},
        ),
        ([Piece("text", text="Hel")], 0, {"text": "Hel", "n": 0}),
        ([Piece("audio", text="AAAA"), Piece("text", text="a")], None, {"text": "a"}),
    ],
)
def test_deltas(told: list[Piece], position: int | None, data: object) -> None:
    """A delta has the pieces of an event by kind; a single piece needs no list."""
    assert json.loads(delta_of(told, position) or b"") == data


@pytest.mark.parametrize("told", [[], [Piece("audio", text="AA")], [Piece("image", text="AA")]])
def test_nothing_to_tell(told: list[Piece]) -> None:
    """An event without pieces, or with only sound and images, has no delta."""
    assert delta_of(told, 3) is None


def test_json_is_one_line_of_utf_8() -> None:
    """Half a surrogate pair does not keep an entry from being written."""
    assert encode_json({"text": "ä\n\ud83d"}) == '{"text":"ä\\n\ufffd"}'.encode()


@given(st.lists(pieces, max_size=4), st.none() | st.integers(0, 2**53))
def test_round_trip(told: list[Piece], position: int | None) -> None:
    """A delta gives back the pieces of any event, in a form that databases can store."""
    data = delta_of(told, position)
    texts = [piece for piece in told if piece.kind not in ("audio", "image")]
    if data is None:
        assert texts == []
        return
    assert b"\n" not in data
    parsed = json.loads(data)
    assert parsed.get("n") == position
    back = pieces_of(parsed)
    assert [(piece.kind, piece.choice) for piece in back] == [
        (piece.kind, piece.choice) for piece in texts
    ]
    for piece, sent in zip(back, texts, strict=True):
        if sent.kind == "call":
            assert (piece.call_id, piece.name) == (sent.call_id, sent.name)
        else:
            assert piece.text == storable(sent.text)
            assert "\0" not in piece.text
            assert piece.text.encode()


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("", ""),
        ("plain", "plain"),
        ("a\ud83d\ude00b", "a\U0001f600b"),
        ("a\ud83d", "a\ufffd"),
        ("a\0b", "a\ufffdb"),
    ],
)
def test_text_that_databases_can_store(text: str, stored: str) -> None:
    """NUL and half surrogate pairs are replaced."""
    assert storable(text) == stored


def test_places() -> None:
    """`head` comes after the start and before all epochs."""
    assert START < HEAD < Entry(1, 0, "begin").place < Entry(1, 1, "done").place < (2, 0)


@pytest.mark.parametrize("is_end", [False, True])
@given(st.integers(0, 999_999_999), st.integers(0, 999_999_999))
def test_cursors(is_end: bool, epoch: int, seq: int) -> None:
    """A cursor made by a relay is read back as the same place."""
    assert read_cursor(cursor_of((epoch, seq), is_end=is_end)) == ((epoch, seq), is_end)


@pytest.mark.parametrize(
    "text",
    [
        *[None, "", "1", "-", "1-", "-1", "1-2-", "1-2-en", "1-2-end-end", " 1-2", "1-2\n"],
        *["1-2 ", "+1-2", "1--2", "٣-٤", "1-1234567890", "9" * 5000, "1-2-END", "a-b", "0x1-2"],
    ],
)
def test_strange_cursors(text: str | None) -> None:
    """Any other text means the beginning."""
    assert read_cursor(text) == (START, False)


@given(st.text(max_size=12))
def test_any_cursor(text: str) -> None:
    """No untrusted text raises an exception."""
    (epoch, seq), _ = read_cursor(text)
    assert 0 <= epoch < 10**9
    assert 0 <= seq < 10**9
