"""What all events and their objects have in common: they are values."""

from __future__ import annotations

import functools
from typing import Any

import attrs


class Value:
    """Equal to another of its class if all fields are, hashable if these are, and shown with them.

    attrs would write and compile these methods for each class anew, which takes as long as all the
    rest of making it: 12 ms of the 119 classes of an Assistants stream, and 18 ms of the 158 of
    Responses, before their first event. So a class leaves that out, by `eq=False, repr=False`; what
    its fields say of both is heeded.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        cls: Any = type(self)
        return all(getattr(self, name) == getattr(other, name) for name in _compared(cls))

    def __hash__(self) -> int:
        cls: Any = type(self)
        return hash((cls, *[getattr(self, name) for name in _compared(cls)]))

    def __repr__(self) -> str:
        cls: Any = type(self)
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in _shown(cls))
        return f"{cls.__qualname__}({fields})"


@functools.cache
def _compared(cls: Any) -> tuple[str, ...]:
    """Return the names of the fields that instances of *cls* are compared by."""
    return tuple(each.name for each in attrs.fields(cls) if each.eq)


@functools.cache
def _shown(cls: Any) -> tuple[str, ...]:
    """Return the names of the fields that instances of *cls* show."""
    return tuple(each.name for each in attrs.fields(cls) if each.repr)
