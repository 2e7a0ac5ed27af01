"""Read JSON from untrusted sources, and write JSON, within bounds.

A parser calls itself for each level of nesting. Python's raises a `RecursionError` or, in a thread
with a small stack, ends the process. Deep nesting that can be parsed is no better: printing,
comparing and copying the value fail later. And a list of nothing but `{}` takes a hundred times its
size in memory. So both are counted before parsing, by searches that run in C and take linear time.
Writing is recursive too, so the nesting of values to write is also limited.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import Any, TypeAlias

MAX_NESTING = 128
"""The maximum nesting of objects and lists. Real payloads stay below 30."""

MAX_WRITTEN_NESTING = MAX_NESTING - 8
"""The maximum nesting of a value to write. The difference leaves room for objects around it."""

MAX_CONTAINERS = 10_000
"""How many objects and lists a text may always have; more of them need room, see below."""

MIN_DENSITY = 12
"""Characters for each object or list, on average, in a text with more than `MAX_CONTAINERS`.

The densest payload of servers, the log probabilities of tokens, has at least 20.
"""

# How many bytes to process together: split at each quote, they take ten times as much memory.
_BLOCK = 8 * 1024

_BRACKETS = b"[{]}"
_NOT_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))
_STEPS = {byte: 1 if byte in b"[{" else -1 for byte in _BRACKETS}


# Values that contain no others.
_SIMPLE = (str, bool, int, float, type(None))

Default: TypeAlias = "Callable[[Any], Any]"
"""Converts an object to a JSON value, like that of `json.dumps`; TypeError if it cannot."""


class UnboundedJSONError(ValueError):
    """JSON is nested too deeply, or contains too many objects and lists."""


def check(text: str) -> None:
    """Check that *text* can be parsed within the limits; it need not be JSON.

    Raises:
        UnboundedJSONError: It cannot.
    """
    # Most texts have fewer brackets than the allowed levels; counting them takes 50 ns.
    if text.count("[") + text.count("{") <= MAX_NESTING:
        return
    unescaped = text.encode(errors="replace").replace(b"\\\\", b"").replace(b'\\"', b"")
    depth = containers = in_string = 0
    for start in range(0, len(unescaped), _BLOCK):
        parts = unescaped[start : start + _BLOCK].split(b'"')  # every other one is in a string
        brackets = b"".join(parts[in_string::2]).translate(None, _NOT_BRACKETS)
        in_string ^= (len(parts) - 1) % 2
        depths = list(accumulate(map(_STEPS.__getitem__, brackets), initial=depth))
        depth = depths[-1]
        containers += brackets.count(b"[") + brackets.count(b"{")
        if max(depths) > MAX_NESTING:
            raise UnboundedJSONError(f"nested more than {MAX_NESTING} levels deep")
    if containers > MAX_CONTAINERS and containers * MIN_DENSITY > len(text):
        raise UnboundedJSONError(
            f"{containers} objects and lists in {len(text)} characters are too many"
        )


def loads_strictly(text: str) -> Any:
    """Return the value of *text*, without the NaN and Infinity that Python accepts.

    Raises:
        ValueError: It is not JSON, or exceeds the limits.
    """
    check(text)
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON value")


def loads(text: str | bytes) -> Any:
    """Return the value of *text*, as `json.loads` does.

    Raises:
        ValueError: It is not JSON, or exceeds the limits.
    """
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    check(text)
    return json.loads(text)


def value_or(text: str | bytes, default: Any = None) -> Any:
    """Return the value of *text*, or *default* if it is not JSON or exceeds the limits."""
    try:
        return loads(text)
    except (ValueError, RecursionError):
        return default


def dumps(value: Any, *, default: Default | None = None, allow_nan: bool = True) -> str:
    """Return the JSON text of *value*, as `json.dumps` does.

    Raises:
        ValueError: It is nested too deeply, or contains a number that is not allowed.
        TypeError: Part of it cannot be written.
    """
    check_value(value, default)
    return json.dumps(value, default=default, allow_nan=allow_nan)


def check_value(value: Any, default: Default | None = None) -> None:
    """Check that *value* is not nested too deeply; other errors are left to the writer.

    Raises:
        UnboundedJSONError: It is.
    """
    level = [value]
    for _ in range(MAX_WRITTEN_NESTING):
        # Each object once: several objects of a level may refer to the same one.
        inner = {id(item): item for one in level for item in _items(one, default)}
        if not inner:
            return
        level = [*inner.values()]
    raise UnboundedJSONError(f"nested more than {MAX_WRITTEN_NESTING} levels deep")


def _items(value: Any, default: Default | None) -> list[Any]:
    """Return the values in *value* that may contain others."""
    if not isinstance(value, Mapping | list | tuple):
        if default is None or isinstance(value, _SIMPLE):
            return []
        try:
            value = default(value)
        except Exception:  # noqa: BLE001 - the writer raises it again
            return []
    match value:
        case Mapping():
            inner: Iterable[Any] = value.values()
        case list() | tuple():
            inner = value
        case _:  # the object that replaces another one
            inner = [value]
    return [item for item in inner if not isinstance(item, _SIMPLE)]
