"""Find what a payload has and its class does not, to show how an API has drifted.

None of it is an error, and all of it stays readable in `event.raw`. Finding it takes as long as
decoding the payload, so it is done only on request, and this module is imported only then.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, TypeVar, get_args

import attrs

from openai_scan.events.base import Event
from openai_scan.events.decoding.hooks import RAW, arms_of, is_tuple, unknown_of
from openai_scan.events.decoding.records import KEY, tags_of
from openai_scan.events.decoding.repeats import Decode, Repeats
from openai_scan.events.decoding.structure import Structurer
from openai_scan.sse import RawEvent

T = TypeVar("T")

# What no class has on purpose: what says which class it is, and padding that says nothing.
_KNOWN = frozenset({RAW, "event", "object", "obfuscation", "type"})


class NotingStructurer(Structurer):
    """A `Structurer` that also counts what its classes have no place for.

    An unknown key is noted as `unknown_field`, and an object of an unknown `type` as
    `unknown_kind`, each with the class and the place.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.repeats = _NoRepeats()

    def __call__(self, payload: Any, cls: type[T]) -> T:
        made = super().__call__(payload, cls)
        for what, place in _unknown_in(payload, cls, "$"):
            self.note(f"{what}: {cls.__name__} {place}")
        return made


class _NoRepeats(Repeats):
    """Takes no event for a repetition, so that each is decoded and looked at."""

    def learn(self, raw: RawEvent, event: Event, decode: Decode) -> None:
        pass


def _unknown_in(value: Any, kind: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield what a value of *kind* at *place* has beyond its class, with the place of it."""
    if isinstance(value, list):
        items = next(filter(is_tuple, arms_of(kind)), None)
        if items is not None:
            for item in value:
                yield from _unknown_in(item, get_args(items)[0], f"{place}[]")
    elif isinstance(value, dict):
        classes, is_open = _classes_of(kind)
        tag = value.get("type")
        cls = classes.get(tag if isinstance(tag, str) else None, classes.get(None))
        if cls is not None:
            types = _types_of(cls)
            for key, item in value.items():
                if key in types:
                    yield from _unknown_in(item, types[key], f"{place}.{key}")
                elif key not in _KNOWN:
                    yield "unknown_field", f"{place}.{key}"
        elif classes and is_open:
            yield "unknown_kind", f"{place} {tag}"


@functools.cache
def _classes_of(kind: Any) -> tuple[dict[str | None, Any], bool]:
    """Return the classes in *kind* by their `type`, and whether other objects are allowed.

    A class that has no union to be told in is there under None.
    """
    arms = arms_of(kind)
    unknown = unknown_of(kind)
    classes = [arm for arm in arms if attrs.has(arm) and arm is not unknown]
    is_open = unknown is not None
    if len(classes) == 1 and not is_open:
        return {None: classes[0]}, False
    return {tag: cls for cls in classes for tag in tags_of(cls)}, is_open


@functools.cache
def _types_of(cls: Any) -> dict[str, Any]:
    """Return the types of the fields of *cls* by their keys."""
    fields = attrs.fields(attrs.resolve_types(cls))
    return {one.metadata.get(KEY, one.name): one.type for one in fields}
