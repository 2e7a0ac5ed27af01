"""The hooks: one function for each kind of type, which checks a JSON value and never coerces it.

A hook is called with a value and a type, as cattrs calls its hooks, and returns the value as that
type or raises `UnfitError`. A field that may be missing may also be null, and a list that is null
is empty. The hooks here need no other hook, or get the ones they need as arguments; `structure`
picks the hook for a type.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from openai_scan.events.decoding.records import tags_of
from openai_scan.values import UnknownObject

Hook: TypeAlias = Callable[[Any, Any], Any]
"""Returns a JSON value, its first argument, as the type that is its second."""

RAW = "(raw)"
"""The key under which the raw event is put into a payload, for the field `raw` of an event."""

JSONText: TypeAlias = Annotated[str, "JSON"]
"""Text that is JSON, such as the arguments of a call. Some servers send the object itself."""

Index: TypeAlias = Annotated[int, "index"]
"""The number of a place or of an event; some servers send it as text."""

PRIMITIVES = (str, int, float, bool)

_MAX_FLOAT = int(sys.float_info.max)

# More digits than the number of any place or event has.
_MAX_DIGITS = 18
_NUMBERS = {int, float}

_NOTHING: frozenset[type] = frozenset()


class UnfitError(Exception):
    """A value does not have the type that its hook checks."""

    def __init__(self, expected: str) -> None:
        super().__init__(f"invalid value for type, expected {expected}")


class WholeJSON(str):
    """The JSON text of an object that a server sent as an object, which is whole by itself."""

    __slots__ = ()


class UnfitPartError(UnfitError):
    """A part of a value does not fit; *path* leads to it from the value."""

    def __init__(self, path: Sequence[str | int], reason: str) -> None:
        Exception.__init__(self, reason)
        self.path = path


class Loose(dict[str, Any]):
    """An object that matches no class, so that it counts as one of an unknown kind."""


def as_is(value: Any, _: Any) -> Any:
    """Return any value as it is."""
    return value


def checked(kind: type) -> Hook:
    """Return the hook for a JSON primitive; it returns the value itself or rejects it."""

    def hook(value: Any, _: Any) -> Any:
        if type(value) is kind:
            return value
        # JSON has one kind of number, so 1 is a valid float and 1.0 a valid integer.
        if kind is float and type(value) is int and abs(value) <= _MAX_FLOAT:
            return float(value)
        if kind is int and type(value) is float and value.is_integer():
            return int(value)
        raise UnfitError(kind.__name__)

    return hook


def json_text(value: Any, _: Any) -> str:
    """Return text as it is, and an object as its JSON text."""
    if isinstance(value, dict):
        return WholeJSON(json.dumps(value, ensure_ascii=False))
    if not isinstance(value, str):
        raise UnfitError("str")
    return value


_whole = checked(int)


def index(value: Any, _: Any) -> int:
    """Return an integer as it is, and the digits of one as an integer."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
        return int(value)
    number: int = _whole(value, int)
    return number


def is_literal(cls: Any) -> bool:
    """Return whether *cls* is a `Literal`."""
    return get_origin(cls) is Literal


def literal(value: Any, cls: Any) -> Any:
    """Return one of the values of a `Literal`, which may be members of an `Enum`."""
    for choice in get_args(cls):
        if is_same(value, choice.value if isinstance(choice, Enum) else choice):
            return choice
    raise UnfitError(" or ".join(map(repr, get_args(cls))))


def is_same(value: Any, known: Any) -> bool:
    """Return whether a JSON value is the *known* one: true is not 1, but 1.0 is."""
    if type(value) is type(known) or {type(value), type(known)} == _NUMBERS:
        return bool(value == known)
    return False


def is_tuple(cls: Any) -> bool:
    """Return whether *cls* is a tuple of any length."""
    return get_origin(cls) is tuple and get_args(cls)[-1] is Ellipsis


def tuple_hook(cls: Any, structure_items: Hook) -> Hook:
    """Return the hook for a tuple of any length; *structure_items* makes it from a list."""
    # Checking the types alone is ten times faster than item by item; it matters for token bytes.
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
    """Return the hook for a dict; *structure_values* makes it from another dict."""

    def hook(value: Any, cls: Any) -> Any:
        if not isinstance(value, dict):
            raise UnfitError("object")
        return structure_values(value, cls)

    return hook


def is_union(cls: Any) -> bool:
    """Return whether *cls* is a union of two or more types, None not counted."""
    return len([arm for arm in arms_of(cls) if arm is not NoneType]) > 1


def union_hook(cls: Any, hook_of: Callable[[Any], Hook]) -> Hook:
    """Return the hook for a union: the `type` of an object picks its class.

    An object of an unknown type becomes an `UnknownObject` if the union has one among its arms, or
    stays a dict if it has `dict` among them.

    Args:
        cls: The union.
        hook_of: Returns the hook of any type.
    """
    arms = get_args(cls)
    by_tag = {tag: arm for arm in arms for tag in tags_of(arm)}
    primitives = tuple(arm for arm in arms if arm in (*PRIMITIVES, NoneType))
    lists = {arm: hook_of(arm) for arm in arms if is_tuple(arm)}
    unknown = unknown_of(cls)
    loose = is_loose(cls)

    def hook(value: Any, _: Any) -> Any:
        if isinstance(value, dict):
            tag = value.get("type")
            if isinstance(tag, str) and tag in by_tag and not isinstance(value, Loose):
                # Its hook is made only now: a response has a few of thirty kinds of items.
                return hook_of(by_tag[tag])(value, by_tag[tag])
            if unknown is not None:
                return unknown.of(dict(value) if type(value) is Loose else value)
            if loose:
                return value
        elif isinstance(value, list) and lists:
            [(arm, structure)] = lists.items()
            return structure(value, arm)
        elif type(value) in primitives:
            return value
        raise UnfitError(" or ".join(getattr(arm, "__name__", str(arm)) for arm in arms))

    return hook


def arms_of(cls: Any) -> tuple[Any, ...]:
    """Return the types that the union *cls* consists of, or *cls* alone if it is not a union."""
    return get_args(cls) if get_origin(cls) in (Union, UnionType) else (cls,)


def is_plain_value(cls: Any) -> bool:
    """Return whether every value of *cls* is a text, a number, a flag or None."""
    return all(arm in (*PRIMITIVES, NoneType) for arm in arms_of(cls))


def unknown_of(cls: Any) -> type[UnknownObject] | None:
    """Return the class for the objects that match no other arm of the union *cls*, if it has one.

    This is one of the package's own classes; the unions of other packages have dicts instead.
    """
    classes = [arm for arm in arms_of(cls) if get_origin(arm) is None and isinstance(arm, type)]
    return next((arm for arm in classes if issubclass(arm, UnknownObject)), None)


def is_loose(cls: Any) -> bool:
    """Return whether the union *cls* takes an object that matches none of its other arms."""
    return is_union(cls) and (
        unknown_of(cls) is not None or any(get_origin(arm) is dict for arm in get_args(cls))
    )
