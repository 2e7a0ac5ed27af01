"""Payloads of any size for every list and map that an event can have, made from its class."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

import attrs
from attrs import frozen

from openai_scan.events import Event
from openai_scan.events.decoding.hooks import Index, JSONText, is_literal, is_tuple
from openai_scan.values import UnknownObject

FAMILIES = ("agents", "assistants", "audio", "chat", "completions", "images", "responses")

Build: TypeAlias = Callable[[Any], Any]
"""Returns a payload with its argument in one place."""

_SAMPLES: dict[Any, Any] = {
    str: "a", int: 1, float: 0.5, bool: True, NoneType: None, Any: 1, dict: {},
    Index: 1, JSONText: "{}",
}  # fmt: skip


@frozen
class Place:
    """A list or a map in the payload of an event.

    Attributes:
        name: Where it is, such as `ChatCompletionChunk.choices[].delta.tool_calls`.
        kind: The type of what is in it.
        is_map: Whether it is a map.
        build: Makes a payload with this list or map, and nothing else that may be left out.
    """

    name: str
    kind: Any
    is_map: bool
    build: Build

    def fitting(self, size: int) -> Any:
        """Return a payload of about *size* bytes of items that fit."""
        item = sample(self.kind)
        return self._filled(size, [item])

    def numbered(self, size: int) -> Any:
        """Return a payload of items that fit, each with an index and an id of its own."""
        count = 1 + size // len(json.dumps(sample(self.kind)))
        return self._filled(size, [numbered(self.kind, number) for number in range(count)])

    def misfitting(self, size: int) -> Any:
        """Return a payload of items that do not fit."""
        kinds = [arm for arm in _arms(self.kind) if arm is not NoneType]
        return self._filled(size, [None if kinds[0] in (str, Any) else "x"])

    def _filled(self, size: int, items: list[Any]) -> Any:
        filled = []
        length = place = 0
        while length < size:
            item = items[place % len(items)]
            filled.append(item)
            length += len(json.dumps(item)) + (10 if self.is_map else 2)
            place += 1
        if self.is_map:
            return self.build({f"{number:06}": item for number, item in enumerate(filled)})
        return self.build(filled)


def event_classes() -> list[type[Event]]:
    """Return the classes of all events."""
    return [
        cls
        for family in FAMILIES
        for name, cls in vars(importlib.import_module(f"openai_scan.events.{family}")).items()
        if not name.startswith("_") and isinstance(cls, type) and issubclass(cls, Event)
    ]


def payload_class(event_class: Any) -> Any:
    """Return the class whose fields the payload of an event has."""
    if event_class.family != "assistants":
        return event_class
    fields = [one for one in attrs.fields(attrs.resolve_types(event_class)) if one.name != "raw"]
    return fields[0].type if len(fields) == 1 else event_class


def wire(event_class: Any, payload: Any) -> bytes:
    """Return an event as a server sends it."""
    return f"event: {event_class.wire_name}\ndata: {json.dumps(payload)}\n\n".encode()


def sample(kind: Any) -> Any:
    """Return the smallest JSON value that fits *kind*."""
    if kind in _SAMPLES:
        return _SAMPLES[kind]
    if is_literal(kind):
        return get_args(kind)[0]
    if is_tuple(kind):
        return []
    if get_origin(kind) is dict:
        return {}
    if attrs.has(kind):
        return {
            name: sample(one.type)
            for name, one in _fields(kind).items()
            if one.default is attrs.NOTHING or name == "type"
        }
    return sample(_arms(kind)[0])


def numbered(kind: Any, number: int) -> Any:
    """Return a value of *kind* in which every index and every id is *number*."""
    value = sample(kind)
    arm = _arms(kind)[0]
    if attrs.has(arm):
        for name, one in _fields(arm).items():
            arms = _arms(one.type)
            if name.endswith("index") and (int in arms or Index in arms):
                value = {**value, name: number}
            elif name.endswith("id") and str in arms:
                value = {**value, name: f"id_{number}"}
    return value


def places(cls: Any, seen: set[Any], name: str = "") -> Iterator[Place]:
    """Yield the lists and maps in payloads of *cls*, without those of classes in *seen*."""
    seen.add(cls)
    base = sample(cls)
    for field, one in _fields(cls).items():
        path = f"{name or cls.__name__}.{field}"
        yield from _places_in(one.type, seen, path, _in_object(base, field))


def _places_in(kind: Any, seen: set[Any], name: str, build: Build) -> Iterator[Place]:
    for arm in _arms(kind):
        if is_tuple(arm):
            item = get_args(arm)[0]
            yield Place(name, item, is_map=False, build=build)
            yield from _places_in(item, seen, f"{name}[]", lambda value: build([value]))
        elif get_origin(arm) is dict:
            yield Place(name, get_args(arm)[1], is_map=True, build=build)
        elif attrs.has(arm) and arm not in seen and not issubclass(arm, UnknownObject):
            for place in places(arm, seen, name):
                yield attrs.evolve(place, build=_in_place(build, place.build))


def _in_object(base: dict[str, Any], field: str) -> Build:
    return lambda value: {**base, field: value}


def _in_place(outer: Build, inner: Build) -> Build:
    return lambda value: outer(inner(value))


def _arms(kind: Any) -> tuple[Any, ...]:
    """Return the types that *kind* is one of."""
    if kind == JSONText or get_origin(kind) not in (Union, UnionType, Literal):
        return (kind,)
    return get_args(kind) if not is_literal(kind) else (kind,)


def _fields(cls: Any) -> dict[str, Any]:
    fields = attrs.fields(attrs.resolve_types(cls))
    return {one.name: one for one in fields if one.name != "raw"}
