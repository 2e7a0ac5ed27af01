"""Events and their objects are values, as attrs would have made them."""

from __future__ import annotations

import importlib
import pkgutil

import attrs
import pytest

import openai_scan.events
from openai_scan import DoneEvent, Event, RawEvent, UnknownEvent
from openai_scan.events.images import ImagesInputTokensDetails
from openai_scan.values import Value

RAW = RawEvent("done", "[DONE]")


@attrs.frozen
class ByAttrs:
    """What attrs makes of a class."""

    shown: object
    hidden: object = attrs.field(default=None, repr=False)
    ignored: object = attrs.field(default=None, eq=False)


@attrs.frozen(eq=False, repr=False)
class ByUs(Value):
    """The same fields."""

    shown: object
    hidden: object = attrs.field(default=None, repr=False)
    ignored: object = attrs.field(default=None, eq=False)


@attrs.frozen(eq=False, repr=False)
class More(ByUs):
    """One field more."""

    more: int = 0


@pytest.mark.parametrize("one", [("a",), ("a", 1), ("b",), ("a", None, 2)])
@pytest.mark.parametrize("other", [("a",), ("a", 1), ("b",), ("a", None, 2)])
def test_what_attrs_finds_equal_is(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    """Values are equal exactly where those of attrs are, and equal values have equal hashes."""
    assert (ByUs(*one) == ByUs(*other)) is (ByAttrs(*one) == ByAttrs(*other))
    assert (ByUs(*one) != ByUs(*other)) is (ByAttrs(*one) != ByAttrs(*other))
    if ByUs(*one) == ByUs(*other):
        assert hash(ByUs(*one)) == hash(ByUs(*other))


def test_another_class_is_another_value() -> None:
    """This includes derived classes, whatever their fields are."""
    assert ByUs("a") != More("a")
    assert More("a") != ByUs("a")
    assert ByUs("a") != ByAttrs("a")
    assert ByUs("a") != "a"
    assert hash(ByUs("a")) != hash(More("a"))


def test_a_value_shows_its_fields() -> None:
    """The fields of the base come first, and hidden ones are left out."""
    assert repr(ByUs("a", 1, 2)) == repr(ByAttrs("a", 1, 2)).replace("ByAttrs", "ByUs")
    assert repr(More("a", more=3)) == "More(shown='a', ignored=None, more=3)"
    assert repr(ImagesInputTokensDetails(text_tokens=1, image_tokens=2)) == (
        "ImagesInputTokensDetails(text_tokens=1, image_tokens=2)"
    )


def test_a_value_of_what_cannot_be_hashed_cannot() -> None:
    """A value with an unhashable field cannot be hashed, like a tuple."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(ByUs([]))


def test_events_are_compared_without_what_came_off_the_wire() -> None:
    """Their fields say what they mean; the raw event is not shown, either."""
    assert DoneEvent(raw=RAW) == DoneEvent(raw=RawEvent("", "[DONE]"))
    assert repr(DoneEvent(raw=RAW)) == "DoneEvent()"
    assert UnknownEvent("a", raw=RAW) != UnknownEvent("b", raw=RAW)


def test_no_class_of_an_event_is_without_it() -> None:
    """Each class of an event or its objects compares and shows its fields."""
    for module in pkgutil.walk_packages(openai_scan.events.__path__, "openai_scan.events."):
        for each in vars(importlib.import_module(module.name)).values():
            growing = getattr(each, "__name__", "").startswith("Growing")  # not a value
            if isinstance(each, type) and attrs.has(each) and not growing:
                assert each.__eq__ is not object.__eq__, each
                assert each.__repr__ is not object.__repr__, each
    assert issubclass(Event, Value)
