"""Partial JSON: the value of text that is still arriving, with each character looked at once."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from openai_scan import PartialJSON, partial_json


def fed(text: str) -> PartialJSON:
    """Return a parser that has been given *text* at once."""
    parser = PartialJSON()
    parser.feed(text)
    return parser


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        (" ", None),
        ("{ ", {}),
        ('{"ci', {}),
        ('{"city"', {}),
        ('{"city" :', {}),
        ('{"city": "', {"city": ""}),
        ('{"city": "Ber', {"city": "Ber"}),
        ('{"city": "Ber\\', {"city": "Ber"}),
        ('{"city": "Ber\\u00', {"city": "Ber"}),
        ('{"city": "Berlin"', {"city": "Berlin"}),
        ('{"city": "Berlin", "pop', {"city": "Berlin"}),
        ('{"a": 12', {}),
        ('{"a": 12,', {"a": 12}),
        ('{"a": tru', {}),
        ('{"a": true}', {"a": True}),
        ("[ ", []),
        ("[1, 2", [1]),
        ('[1, "b', [1, "b"]),
        ('[{"a": [null, {"b": "c', [{"a": [None, {"b": "c"}]}]),
        ('"top', "top"),
        ('"\\ud83d', ""),
        ('"\\ud83d\\ude00', "\U0001f600"),
        ('"\\ud83dx', "\ud83dx"),
    ],
)
def test_the_value_is_what_has_come(text: str, value: Any) -> None:
    """Strings grow; keys, numbers and literals are there when they are whole."""
    assert fed(text).value == value
    assert fed(text).broken is False


WHOLE = [
    "{}",
    " [ ] ",
    '{"a": 1, "b": [1.5, -2e3, true, false, null], "c": {"d": ""}, "a": 2}\n',
    '["\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9 é"]',
    '["\\ud83d\\ude00", "\\ude00\\ud83d", "\\ud83d\\ud83d\\ude00", "\\ud83dx"]',
    '{"": {"": [[], {}]}}',
    '"text"',
    "12",
    "-0.5e-7",
    "null",
    "[NaN, Infinity]",
]


@pytest.mark.parametrize("text", WHOLE)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_at_the_end_it_is_what_json_says(text: str, size: int) -> None:
    """However the text is split, and whether the value is asked for on the way or not."""
    asked, silent = PartialJSON(), PartialJSON()
    for start in range(0, len(text), size):
        asked.feed(text[start : start + size])
        silent.feed(text[start : start + size])
        assert asked.broken is False
        asked.value  # noqa: B018 - to ask must change nothing
    for parser in (asked, silent):
        parser.finish()
        assert parser.complete
        assert repr(parser.value) == repr(json.loads(text))  # NaN is not equal to itself


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Hello", None),
        ("{1: 2}", {}),
        ('{"a" 1}', {}),
        ('{"a": 1; "b": 2}', {"a": 1}),
        ('{"a": 1]', {"a": 1}),
        ("[1}", [1]),
        ("[1 2]", [1]),
        ("[1] [2]", [1]),
        ("[1,]", [1]),
        ("[01]", []),
        ('"a\\x"', "a"),
        ('"a\\uzz"', "a"),
        ('"a\nb"', "a"),
        ("{} x", {}),
    ],
)
def test_what_is_not_json_ends_it(text: str, value: Any) -> None:
    """What came until then stays, and nothing more is taken."""
    parser = fed(text)
    parser.finish()
    assert parser.broken is True
    assert parser.complete is False
    parser.feed('{"more": 1}')
    parser.finish()
    assert parser.value == value
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_a_number_alone_ends_at_the_end_of_the_input() -> None:
    """Until then another digit may come; a text that is cut short stays so."""
    parser = fed("12")
    assert (parser.value, parser.complete) == (None, False)
    parser.finish()
    assert (parser.value, parser.complete) == (12, True)
    cut = fed('{"a": "b')
    cut.finish()
    assert (cut.value, cut.complete) == ({"a": "b"}, False)


def test_half_a_character_waits_for_its_other_half() -> None:
    """Some servers cut a character of the text in two."""
    parser = fed('"a\ud83d')
    assert parser.value == "a"
    parser.feed('\ude00"')
    assert parser.value == "a\U0001f600"


def test_the_same_objects_grow() -> None:
    """Nothing is copied, so that a long answer costs no more per step than a short one."""
    parser = fed('{"a": [')
    first = parser.value
    parser.feed("1, 2]}")
    assert parser.value is first
    assert first == {"a": [1, 2]}


class _Counting:
    """A pattern that counts the characters that it has matched."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern = pattern
        self.characters = 0

    def match(self, text: str, place: int) -> re.Match[str] | None:
        """Match, and count."""
        found = self.pattern.match(text, place)
        self.characters += 0 if found is None else found.end() - place
        return found


def test_each_character_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 KB in pieces of 8, the value asked for after each: no piece is looked at again."""
    counting = {name: _Counting(getattr(partial_json, name)) for name in ("_PLAIN", "_SCALAR")}
    for name, pattern in counting.items():
        monkeypatch.setattr(partial_json, name, pattern)
    text = json.dumps({"items": ["x" * 40, 12345] * 1500, "text": "y" * 25_000})
    assert len(text) > 100_000
    parser = PartialJSON()
    steps = 0
    step = PartialJSON._in_string  # the state that any longer text is in

    def counted(self: PartialJSON, text: str, place: int) -> int:
        nonlocal steps
        steps += 1
        return step(self, text, place)

    monkeypatch.setattr(PartialJSON, "_in_string", counted)
    for start in range(0, len(text), 8):
        parser.feed(text[start : start + 8])
        parser.value  # noqa: B018 - it is what does the work
    assert parser.value == json.loads(text)
    strings = 1500 * 40 + len("items") + len("text") + 25_000
    assert counting["_PLAIN"].characters == strings
    assert counting["_SCALAR"].characters == 1500 * len("12345")
    assert steps < len(text) / 8 + 2 * 1502  # once a piece, and once more where a string begins


def test_nesting_is_bounded() -> None:
    """JSON that is nested too deeply to print is broken; what came before it remains."""
    deepest = "[" * 128 + "]" * 128
    assert fed(deepest).value == json.loads(deepest)
    assert fed(deepest).complete
    for opener in ("[", '{"a":'):
        parser = fed(opener * 100_000)
        assert parser.broken
        assert repr(parser.value).count(opener[0]) == 128
