"""The parser of payloads gives the same values and errors with and without msgspec."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_scan.events.decoding.parse import make_parser, parse

ODD = [
    "NaN", "[Infinity]", "-Infinity", "1e400", "-1e400",
    '"\\ud83d"', '"\\ude00\\ud83d"', '"\ud83d"',
    '{"\\ud83d":1}', "9" * 30, "18446744073709551616", "-9223372036854775809", "-0", "-0.0",
    '{"a":1,"b":2,"a":3}', "\ufeff1", "", " ", "1 ", " 1", "\x0b1", "\u00a01", "1\0", "[1,]",
    "01",
    "+1", ".5", "5.", "-", "1.7976931348623157e308", "5e-324", "1e-400", "0.1e1", "1E5",
    '"\t"', '"\x7f"', '"\\u0000"', '"\\x"', '"\\/"', "{1:2}", '{"a":1}x', "nul", "9" * 5000,
    "[" * 500 + "]" * 500, "[" * 100_000,
]  # fmt: skip


def outcome(function: Any, text: str) -> str:
    """Return the repr of what *function* returns for *text*, or the error that it raises."""
    try:
        return repr(function(text))
    except (ValueError, RecursionError) as error:
        return f"{type(error).__name__}: {error}".partition("while")[0]


@pytest.mark.parametrize("text", ODD, ids=lambda text: ascii(text)[:30])
def test_odd_json_parses_as_json_does(text: str) -> None:
    """The parser accepts and refuses exactly what the standard library does."""
    assert outcome(parse, text) == outcome(json.loads, text)


@pytest.mark.further
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
))  # fmt: skip
def test_any_value_parses_as_json_does(value: Any) -> None:
    """Every JSON value is parsed to the same Python value."""
    text = json.dumps(value)
    assert repr(parse(text)) == repr(json.loads(text))


def test_without_msgspec_it_is_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser is `json.loads` if msgspec is not installed."""
    monkeypatch.setitem(sys.modules, "msgspec.json", None)
    assert make_parser() is json.loads


def test_what_msgspec_refuses_is_left_to_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser tries msgspec's decoder first, then `json`."""

    class Decoder:
        """A decoder that knows one text."""

        def decode(self, text: str) -> str:
            """Return a value that shows that this decoder was used."""
            if text != "1":
                raise TypeError
            return "fast"

    package, module = ModuleType("msgspec"), ModuleType("msgspec.json")
    module.__dict__["Decoder"] = Decoder
    monkeypatch.setitem(sys.modules, "msgspec", package)
    monkeypatch.setitem(sys.modules, "msgspec.json", module)
    found = make_parser()
    assert found("1") == "fast"
    assert found("2") == 2
    with pytest.raises(ValueError, match="Expecting value"):
        found("x")
