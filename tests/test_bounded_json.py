"""Untrusted JSON is measured before it is parsed."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_scan.bounded_json import (
    MAX_CONTAINERS,
    MAX_NESTING,
    MAX_WRITTEN_NESTING,
    MIN_DENSITY,
    UnboundedJSONError,
    check,
    check_value,
    dumps,
    loads,
)

OPENERS = ("[", '{"a":', '[{"a":')


def nested(opener: str, depth: int) -> str:
    """Return JSON that is nested *depth* levels deep."""
    times = depth // (opener.count("[") + opener.count("{"))
    closers = {"[": "]", "{": "}"}
    end = "".join(closers[one] for one in reversed(opener) if one in closers)
    return opener * times + "1" + end * times


@pytest.mark.parametrize("opener", OPENERS)
def test_the_deepest_that_is_allowed_is_read(opener: str) -> None:
    """Lists, objects and both in turn count alike, and one level more is refused."""
    text = nested(opener, MAX_NESTING)
    assert loads(text) == json.loads(text)
    with pytest.raises(UnboundedJSONError, match="nested more than 128 levels deep"):
        loads(f"[{text}]")


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("end", ["", '"', '"\\', "\\", "]", "x"])
def test_what_never_ends_is_refused_too(opener: str, end: str) -> None:
    """Brackets that are never closed are refused: a parser would first go down all levels."""
    with pytest.raises(UnboundedJSONError, match="nested"):
        check(opener * 100_000 + end)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1000,
        '\\"' + "[" * 1000,
        "\\\\",
        "{[" * 500 + "\\\\\\" + '"',
        "é" * 500 + "[" * 500,
        "\ud83d" + "[" * 500,
        '\n"' * 3 + "{" * 500,
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_brackets_in_a_string_are_text(text: str) -> None:
    """Whatever is quoted or escaped, no bracket in a string counts."""
    assert loads(json.dumps(text)) == text
    assert loads(json.dumps({text: [text]}, ensure_ascii=False)) == {text: [text]}


def test_a_long_flat_list_is_read() -> None:
    """Only open brackets count towards the depth."""
    text = json.dumps([[1], {"a": []}] * 200)
    assert loads(text) == json.loads(text)


def test_many_empty_objects_are_refused() -> None:
    """Many empty objects in a short text are refused, but not if there is room around each.

    In memory they would take a hundred times the bytes of their text.
    """
    few = "[" + ",".join(["{}"] * (MAX_CONTAINERS - 1)) + "]"
    assert len(loads(few)) == MAX_CONTAINERS - 1
    with pytest.raises(UnboundedJSONError, match="10001 objects and lists in 30001 characters"):
        loads("[" + few[1:-1] + ",{}]")
    roomy = ",".join(["{}" + " " * (MIN_DENSITY - 3)] * MAX_CONTAINERS)
    assert len(loads(f"[{roomy}            ]")) == MAX_CONTAINERS


def test_what_is_not_json_is_a_value_error() -> None:
    """Invalid JSON raises a JSONDecodeError, as `json.loads` does."""
    with pytest.raises(json.JSONDecodeError):
        loads("[" * 5)


@given(
    st.recursive(
        st.none() | st.floats(allow_nan=False) | st.text('a"\\[]{}é\n'),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text('"\\[{'), inner, max_size=4)
        ),
    ),
    st.sampled_from(OPENERS),
    st.booleans(),
)
def test_the_depth_is_that_of_the_parser(value: Any, opener: str, ascii_only: bool) -> None:
    """Whatever strings a value contains, it is refused if and only if it is nested too deeply."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    filler = nested("[", MAX_NESTING - 40)  # so that the brackets are looked at
    assert loads(f"[{text},{filler}]") == [value, json.loads(filler)]
    with pytest.raises(UnboundedJSONError):
        loads(f"[{text},{nested(opener, MAX_NESTING)}]")


def test_a_small_stack_is_deep_enough() -> None:
    """A thread with little room reads the deepest that is allowed, and refuses what is deeper."""
    found: list[Any] = []

    def read() -> None:
        found.append(loads(nested("[", MAX_NESTING)))
        with pytest.raises(UnboundedJSONError):
            loads("[" * 100_000)
        found.append("refused")

    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert found == [json.loads(nested("[", MAX_NESTING)), "refused"]


class Box:
    """Something that is written as a list."""

    def __init__(self, inner: object) -> None:
        self.inner = inner


def opened(value: object) -> object:
    """Return what is in a box."""
    if isinstance(value, Box):
        return [value.inner]
    raise TypeError("no box")


def boxed(value: object) -> Box:
    """Return *value* in a box."""
    return Box(value)


@pytest.mark.parametrize(
    "wrap", [lambda v: [1, v, 2], lambda v: {"a": v, "b": 2}, lambda v: (v,), boxed]
)
def test_the_deepest_that_is_allowed_is_written(wrap: Any) -> None:
    """A value of the allowed depth is written, whatever containers it consists of.

    The written text can be read, even wrapped in more levels.
    """
    value: Any = 1
    for _ in range(MAX_WRITTEN_NESTING):
        value = wrap(value)
    text = dumps(value, default=opened)
    assert text == json.dumps(value, default=opened)
    loads(f"[[[{text}]]]")
    with pytest.raises(UnboundedJSONError, match="nested more than 120 levels deep"):
        dumps(wrap(value), default=opened)


def test_what_several_parts_share_is_looked_at_once() -> None:
    """A list that is shared is measured once, or else the time would be exponential."""
    value: list[Any] = []
    for _ in range(MAX_WRITTEN_NESTING - 1):
        value = [value, value]
    check_value(value)


def test_an_object_that_stands_for_itself_is_refused() -> None:
    """An object whose `default` returns the object again is nested without end."""
    with pytest.raises(UnboundedJSONError, match="nested"):
        dumps(Box(1), default=lambda box: box)


def test_a_value_that_contains_itself_is_refused() -> None:
    """It is nested without end."""
    value: list[Any] = []
    value += [value, value]
    with pytest.raises(ValueError, match="nested"):
        dumps(value)


def test_what_cannot_be_written_is_told_as_by_json() -> None:
    """`dumps()` raises the errors of `default` and of `json` unchanged."""
    with pytest.raises(TypeError, match="no box"):
        dumps([{1}], default=opened)
    with pytest.raises(TypeError, match="set is not JSON serializable"):
        dumps([{1}])
    with pytest.raises(ValueError, match="not JSON compliant"):
        dumps([float("nan")], allow_nan=False)
