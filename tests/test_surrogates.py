"""Half a character: it waits for its other half, or is replaced."""

from __future__ import annotations

import json

import pytest
import strategies  # noqa: F401 - its settings are for all that hypothesis draws
from hypothesis import given
from hypothesis import strategies as st

from openai_scan.surrogates import (
    REPLACEMENT,
    after,
    find_half,
    join_halves,
    mend,
    split_half,
    utf8,
)

# Texts with many halves, since hypothesis draws few of them by itself.
texts = st.text(st.sampled_from("a\u20ac\ud83d\ud83e\ude00\ude01\U0001f600\ufeff"), max_size=8)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("", "")),
        ("a", ("a", "")),
        ("a\ud83d", ("a", "\ud83d")),
        ("\udbff", ("", "\udbff")),
        ("x\ud800", ("x", "\ud800")),
        ("a\ude00", ("a\ude00", "")),
        ("\ud7ff", ("\ud7ff", "")),
        ("\ud83da", ("\ud83da", "")),
        ("\ud83d\ud83d", ("\ud83d", "\ud83d")),
        ("\U0001f600", ("\U0001f600", "")),
    ],
    ids=ascii,
)
def test_a_high_half_at_the_end_is_split_off(text: str, expected: tuple[str, str]) -> None:
    """Only a half that the next text may complete is split off."""
    assert split_half(text) == expected


@pytest.mark.parametrize(
    ("text", "joined", "mended"),
    [
        ("a\ud83d\ude00", "a\U0001f600", "a\U0001f600"),
        ("\ud83d\ud83d\ude00", "\ud83d\U0001f600", "\ufffd\U0001f600"),
        ("\ude00\ud83d", "\ude00\ud83d", "\ufffd\ufffd"),
        ("\ufeff\ude00", "\ufeff\ude00", "\ufeff\ufffd"),
        ("plain", "plain", "plain"),
        ("\u20ac", "\u20ac", "\u20ac"),
    ],
    ids=ascii,
)
def test_pairs_are_joined_and_lone_halves_replaced(text: str, joined: str, mended: str) -> None:
    """Both join pairs; only `mend()` replaces a half without its other half."""
    assert join_halves(text) == joined
    assert mend(text) == mended
    assert utf8(text) == mended.encode()


@pytest.mark.parametrize(
    ("start", "text", "expected"),
    [
        ("", "ab", "ab"),
        ("a", "ab", "b"),
        ("ab", "ab", ""),
        ("b", "ab", None),
        ("abc", "ab", None),
        ("a\ud83d", "a\U0001f600b", "\ude00b"),
        ("a\ud83d\ude00", "a\U0001f600b", "b"),
        ("a\U0001f600", "a\ud83d\ude00b", "b"),
        ("a\ud83d", "a\U00020000", None),
        ("\u20ac", "\u20ac\ud83d", "\ud83d"),
    ],
    ids=ascii,
)
def test_what_follows_a_beginning(start: str, text: str, expected: str | None) -> None:
    """A character may be whole in the one and two halves in the other."""
    assert after(start, text) == expected


@given(texts)
def test_a_half_is_found(text: str) -> None:
    """It finds a half exactly where `mend()` changes the text."""
    found = find_half(text)
    assert (found is None) == (mend(text) == text)
    assert found is None or "\ud800" <= text[found.start()] <= "\udfff"


@given(st.lists(texts))
def test_text_split_anywhere_is_the_same(pieces: list[str]) -> None:
    """A reader that keeps back a half gets the text that a reader of the whole gets."""
    half, shown = "", ""
    for piece in pieces:
        text, half = split_half(half + piece)
        shown += mend(text)
        assert shown.encode().decode() == shown
    assert shown + (REPLACEMENT if half else "") == mend("".join(pieces))


@given(texts)
def test_joining_gives_what_json_gives(text: str) -> None:
    """Escaped halves in JSON become what joining them gives."""
    assert join_halves(text) == json.loads(json.dumps(text))
