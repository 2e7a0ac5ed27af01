"""The faster hook builds the same objects as the converter, and accepts the same payloads."""

from __future__ import annotations

import importlib
import math
import types
from collections import Counter
from typing import Any, Literal, Union, get_args, get_origin

import attrs
import pytest
from attrs import frozen
from cattrs.errors import BaseValidationError
from hypothesis import given
from hypothesis import strategies as st

from openai_scan.errors import DecodeError
from openai_scan.events.chat import ChoiceDelta
from openai_scan.events.decoding.converter import converter
from openai_scan.events.decoding.hooks import RAW
from openai_scan.events.decoding.plain import is_plain
from openai_scan.events.decoding.records import KEY
from openai_scan.events.decoding.structure import Structurer, hook_of
from openai_scan.sse import RawEvent

RAW_EVENT = RawEvent("message", "")

MODULES = [
    importlib.import_module(f"openai_scan.events.{name}")
    for name in (
        "assistants.objects", "audio.events", "audio.objects", "chat.events", "chat.objects",
        "completions.events", "completions.objects", "images.events", "images.objects",
        "responses.events", "responses.items", "responses.objects",
    )
]  # fmt: skip
CLASSES = sorted(
    {
        one
        for module in MODULES
        for one in vars(module).values()
        if attrs.has(one) and one.__module__ == module.__name__
    },
    key=lambda one: (one.__module__, one.__name__),
)

_odd = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.just(10**400), st.floats(allow_nan=False),
    st.text(max_size=3), st.just([]), st.just({}), st.just([1]), st.just({"type": "text"}),
)  # fmt: skip


def values(cls: Any, depth: int) -> st.SearchStrategy[Any]:
    """Return JSON values that mostly fit *cls*."""
    fitting: st.SearchStrategy[Any]
    if attrs.has(cls):
        fitting = payloads(cls, depth - 1) if depth else _odd
    elif get_origin(cls) is Literal:
        fitting = st.sampled_from(get_args(cls))
    elif get_origin(cls) in (Union, types.UnionType):
        fitting = st.sampled_from(get_args(cls)).flatmap(lambda arm: values(arm, depth))
    elif get_origin(cls) is tuple:
        fitting = st.lists(values(get_args(cls)[0], depth), max_size=2)
    else:
        simple = {str: st.text(max_size=3), int: st.integers(), float: st.floats(allow_nan=False)}
        fitting = simple.get(cls, _odd)
    return st.integers(0, 7).flatmap(lambda number: fitting if number else _odd)


@st.composite
def payloads(draw: st.DrawFn, cls: Any, depth: int = 2) -> dict[str, Any]:
    """Draw a payload that mostly fits *cls*."""
    payload: dict[str, Any] = {"unknown": 1} if draw(st.booleans()) else {}
    for field in attrs.fields(attrs.resolve_types(cls)):
        if field.name == "raw":
            payload[RAW] = RAW_EVENT
        elif draw(st.integers(0, 3)) or field.default is attrs.NOTHING:
            payload[field.metadata.get(KEY, field.name)] = draw(values(field.type, depth))
    return payload


@given(st.data())
def test_what_is_built_fast_is_what_is_built_slowly(data: st.DataObject) -> None:
    """For any class and payload both ways give the same result, or both refuse."""
    cls = data.draw(st.sampled_from(CLASSES))
    payload = data.draw(payloads(cls))
    try:
        slow = converter(detailed=True).structure(payload, cls)
    except BaseValidationError:
        with pytest.raises(Exception):  # noqa: B017, PT011 - any of them leads to the slow way
            hook_of(cls)(payload, cls)
    else:
        fast = hook_of(cls)(payload, cls)
        assert repr(fast) == repr(slow)
        assert fast == slow
        assert vars(fast) == vars(slow)


@pytest.mark.unmeasured
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_all_classes_are_built_fast(cls: Any) -> None:
    """The state of an instance is its fields and nothing else, so they can be set directly."""
    assert is_plain(cls)
    assert not hasattr(cls, "__attrs_post_init__")
    for field in attrs.fields(cls):
        assert (field.validator, field.converter, field.alias) == (None, None, field.name)
        assert not isinstance(field.default, attrs.Factory)  # type: ignore[arg-type] # a class


@frozen(slots=False, kw_only=True)
class Work:
    """A class with a field whose key is a keyword of Python."""

    __module__ = "openai_scan.events.chat.objects"  # to pass for one of the package's

    name: str
    async_: bool = attrs.field(default=False, metadata={KEY: "async"})


@pytest.mark.parametrize(
    ("payload", "made"),
    [
        ({"name": "a", "async": True}, Work(name="a", async_=True)),
        ({"name": "a", "async": None}, Work(name="a")),
        # The attribute's name is not a key.
        ({"name": "a", "async_": True}, Work(name="a")),
        ({"name": "a", "async": "yes"}, Work(name="a")),
        ([], None),
        ({"async": True}, None),
    ],
)
def test_a_key_and_its_attribute_can_have_different_names(payload: Any, made: Any) -> None:
    """`async` is read as `async_`, by the fast hook and by the converter alike."""
    assert is_plain(Work)
    notes = Counter[str]()
    structure = Structurer(notes=notes)
    if made is None:
        with pytest.raises(DecodeError):
            structure(payload, Work)
    else:
        assert structure(payload, Work) == made
        is_left_out = isinstance(payload.get("async"), str)
        assert dict(notes) == ({"skipped_field: Work $.async": 1} if is_left_out else {})


def test_a_class_of_someone_else_is_constructed() -> None:
    """A class from another package is built by its constructor, so its validators run."""

    @frozen
    class Age:
        """A class with a validator."""

        years: int = attrs.field(validator=attrs.validators.ge(0))

    assert not is_plain(Age)
    assert not is_plain(tuple[Age, ...])
    assert Structurer()({"years": 1}, Age) == Age(1)
    with pytest.raises(DecodeError, match="years"):
        Structurer()({"years": -1}, Age)


def test_a_required_keyword_before_a_positional_field_is_not_a_trap() -> None:
    """Such a class of another package is built, although cattrs' fast code for it is invalid."""

    @frozen
    class Person:
        """A class whose first field is keyword-only."""

        name: str = attrs.field(kw_only=True)
        years: int

    made = hook_of(Person)({"name": "Ada", "years": 36}, Person)
    assert made == Person(36, name="Ada")
    with pytest.raises(DecodeError, match=r"required field missing @ \$\.name"):
        Structurer()({"years": 36}, Person)


def test_defaults_are_those_of_the_class() -> None:
    """A field that is missing or null gets the class's default."""
    assert Structurer()({"role": None, "tool_calls": None}, ChoiceDelta) == ChoiceDelta()
    assert math.isnan(Structurer()({"logprob": math.nan}, _log_prob()).logprob)


def _log_prob() -> Any:
    from openai_scan.events.audio import LogProb

    return LogProb
