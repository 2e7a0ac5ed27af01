"""What is made of each kind of JSON value: types are checked, never coerced.

What may be missing may also be null; a list that is null is empty. A hook takes a value and the
type that it is to have, as cattrs calls it; but of all this only what does not fit needs cattrs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import attrs

Hook: TypeAlias = Callable[[Any, Any], Any]
"""Takes a value and the type that it is to have, and returns what is made of it."""

RAW = "(raw)"
"""Where an event class finds its raw event: among the payload's keys, under one of our own."""

JSONText: TypeAlias = Annotated[str, "JSON"]
"""Text that is JSON, such as the arguments of a call; some servers send the object itself."""

PRIMITIVES = (str, int, float, bool)

_MAX_FLOAT = int(sys.float_info.max)

_NOTHING: frozenset[type] = frozenset()


class UnfitError(Exception):
    """A value is not of the type that a hook stands for."""

    def __init__(self, expected: str) -> None:
        super().__init__(f"invalid value for type, expected {expected}")


class Loose(dict[str, Any]):
    """An item that fits no class and shall stay as it was sent."""


def as_is(value: Any, _: Any) -> Any:
    """Take any value."""
    return value


def checked(kind: type) -> Hook:
    """Return the hook for a JSON primitive: it passes or refuses, and converts nothing."""

    def hook(value: Any, _: Any) -> Any:
        if type(value) is kind:
            return value
        # JSON has one kind of number: 1 is a fine float, and 1.0 a fine integer.
        if kind is float and type(value) is int and abs(value) <= _MAX_FLOAT:
            return float(value)
        if kind is int and type(value) is float and value.is_integer():
            return int(value)
        raise UnfitError(kind.__name__)

    return hook


def json_text(value: Any, _: Any) -> str:
    """Take text, or the object that it should be the text of."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        raise UnfitError("str")
    return value


def is_literal(cls: Any) -> bool:
    """Tell whether *cls* is a `Literal`."""
    return get_origin(cls) is Literal


def literal(value: Any, cls: Any) -> Any:
    """Take one of a few values."""
    if value not in get_args(cls):
        raise UnfitError(" or ".join(map(repr, get_args(cls))))
    return value


def is_tuple(cls: Any) -> bool:
    """Tell whether *cls* is a tuple of any length."""
    return get_origin(cls) is tuple and get_args(cls)[-1] is Ellipsis


def tuple_hook(cls: Any, structure_items: Hook) -> Hook:
    """Return the hook for a tuple of any length; *structure_items* makes it of a list."""
    # The bytes of a token, say: to look at the types alone is ten times faster than item by item.
    kind = get_args(cls)[0]
    exact = frozenset({kind}) if kind in PRIMITIVES else _NOTHING

    def hook(value: Any, _: Any) -> Any:
        if value is None:
            return ()
        if not isinstance(value, list):
            raise UnfitError("list")
        if exact.issuperset(map(type, value)):
            return tuple(value)
        return structure_items(value, cls)

    return hook


def dict_hook(structure_values: Hook) -> Hook:
    """Return the hook for a dict; *structure_values* makes it of another one."""

    def hook(value: Any, cls: Any) -> Any:
        if not isinstance(value, dict):
            raise UnfitError("object")
        return structure_values(value, cls)

    return hook


def is_union(cls: Any) -> bool:
    """Tell whether *cls* is a union of more than one type and None, which cattrs can do itself."""
    if get_origin(cls) not in (Union, UnionType):
        return False
    return len([arm for arm in get_args(cls) if arm is not NoneType]) > 1


def union_hook(cls: Any, hook_of: Callable[[Any], Hook]) -> Hook:
    """Return the hook for a union: `type` picks the class, and an unknown one stays a dict.

    Args:
        cls: The union.
        hook_of: Returns the hook of any type.
    """
    arms = get_args(cls)
    by_tag = {
        tag: arm
        for arm in arms
        if attrs.has(arm)
        for tag in get_args(attrs.resolve_types(arm).__attrs_attrs__.type.type)
    }
    primitives = tuple(arm for arm in arms if arm in (*PRIMITIVES, NoneType))
    lists = {arm: hook_of(arm) for arm in arms if is_tuple(arm)}
    loose = is_loose(cls)

    def hook(value: Any, _: Any) -> Any:
        if isinstance(value, dict):
            tag = value.get("type")
            if isinstance(tag, str) and tag in by_tag and not isinstance(value, Loose):
                # Its hook is made only now: of thirty kinds of items a response has a few.
                return hook_of(by_tag[tag])(value, by_tag[tag])
            if loose:
                return value
        elif isinstance(value, list) and lists:
            [(arm, structure)] = lists.items()
            return structure(value, arm)
        elif type(value) in primitives:
            return value
        raise UnfitError(" or ".join(getattr(arm, "__name__", str(arm)) for arm in arms))

    return hook


def is_loose(cls: Any) -> bool:
    """Tell whether an object that fits no other arm of the union *cls* stays a dict."""
    return is_union(cls) and any(get_origin(arm) is dict for arm in get_args(cls))
