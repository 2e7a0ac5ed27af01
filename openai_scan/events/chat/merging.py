"""Merge the pieces of values whose meaning is not known: the keys that no class has.

Servers send such a value in one piece, or in pieces like those of the text. There is no rule that
says which, so these are the rules: objects are merged key by key, items of lists by their index;
texts are joined, except that a text which is the same again, or only names something, counts once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

Merged: TypeAlias = Any
"""A value as far as it has arrived; `plain_of()` returns it as a JSON value."""

# Parts of the names of texts that come in pieces. Two of these may be equal.
_GROWING = ("text", "content", "reason", "think", "thought", "summary", "data", "input", "delta")

# The names of texts that say what something is.
_NAMING = ("id", "type", "index", "name", "role", "format", "status", "object")


def merged(old: Merged, new: Any, *, replaces: bool = False, key: str = "") -> Merged:
    """Return *old*, which may change, with *new* added to it.

    Args:
        old: What this function returned for the value before it, or None.
        new: The next piece, a JSON value.
        replaces: Whether *new* is a whole, of which *old* was a piece.
        key: The name of the value.
    """
    if new is None or new == "":
        return old
    if isinstance(new, dict):
        object = old if isinstance(old, dict) else {}
        for name, item in new.items():
            object[name] = merged(object.get(name), item, replaces=replaces, key=name)
        return object
    if isinstance(new, list):
        items = old if isinstance(old, _Items) and not replaces else _Items()
        items.add(new)
        return items
    if isinstance(new, str):
        if not isinstance(old, _Text) or replaces or key in _NAMING:
            return _Text([new])
        grows = any(part in key for part in _GROWING) and not key.endswith("signature")
        if grows or [new] != old:
            old.append(new)
        return old
    return new


def not_among(known: Iterable[T], items: Iterable[T], as_json: Callable[[T], Any]) -> list[T]:
    """Return those of *items* that *known* does not have; *as_json* returns what is compared."""
    keys = {json.dumps(as_json(each), sort_keys=True) for each in known}
    return [each for each in items if json.dumps(as_json(each), sort_keys=True) not in keys]


def plain_of(value: Merged) -> Any:
    """Return a merged value as a JSON value."""
    if isinstance(value, dict):
        return {key: plain_of(item) for key, item in value.items()}
    if isinstance(value, _Items):
        return [plain_of(item) for item in value]
    return "".join(value) if isinstance(value, _Text) else value


class _Text(list[str]):
    """The pieces of a text."""


class _Items(list[Any]):
    """The items of a list, which may come in pieces."""

    def __init__(self) -> None:
        super().__init__()
        self._by_index: dict[tuple[Any, ...], int] = {}
        self._last_added: list[Any] = []

    def add(self, items: list[Any]) -> None:
        """Take more items, or pieces of them; the same list again adds nothing."""
        if items and items == self._last_added and not any(map(_grows, items)):
            return
        self._last_added = items
        for item in items:
            place = self._place_of(item)
            if place is None:
                self.append(merged(None, item))
            else:
                self[place] = merged(self[place], item)

    def _place_of(self, item: Any) -> int | None:
        """Return the place of the item that *item* is a piece of, or None if it is a new one."""
        if not isinstance(item, dict):
            return None
        index = item.get("index")
        if isinstance(index, int | str):
            return self._known((str(index), str(item.get("type"))))
        last = self[-1] if self else None
        same = isinstance(last, dict) and plain_of(last.get("type")) == item.get("type")
        return len(self) - 1 if same and _grows(item) else None

    def _known(self, name: tuple[str, str]) -> int | None:
        place = self._by_index.get(name)
        if place is None:
            self._by_index[name] = len(self)
        return place


def _grows(item: Any) -> bool:
    """Return whether *item* is a piece of a text that may go on in the next item."""
    return isinstance(item, dict) and any(
        part in key for key in item for part in _GROWING if key not in _NAMING
    )
