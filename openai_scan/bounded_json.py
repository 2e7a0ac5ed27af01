"""Read JSON from untrusted sources, and write JSON, within bounds.

A parser calls itself for each level of nesting. Python's raises a `RecursionError`, or, where a
thread has a small stack, ends the process. Deep nesting that can be parsed is no better: printing,
comparing and copying the value fail later. And a list of nothing but `{}` takes a hundred times its
bytes. So both are counted before anything is parsed, by searches that run in C and take linear
time. Writing is as recursive as reading, so the nesting of what is written is bounded too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import Any, TypeAlias

MAX_NESTING = 128
"""How deep objects and lists may be nested. Real payloads stay below 30."""

MAX_WRITTEN_NESTING = MAX_NESTING - 8
"""How deep a value may be nested to be written. The difference is for what is wrapped around it."""

MAX_CONTAINERS = 10_000
"""How many objects and lists a text may have in any case; more of them need room, see below."""

MIN_DENSITY = 12
"""Characters for each object or list, on average, in a text with more than `MAX_CONTAINERS`.

The log probabilities of tokens, the densest that servers send, have 20 at least.
"""

# Bytes that are looked at together: cut at each quote, they take ten times as much.
_BLOCK = 8 * 1024

_BRACKETS = b"[{]}"
_NOT_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))
_STEPS = {byte: 1 if byte in b"[{" else -1 for byte in _BRACKETS}


# Values that contain no others.
_SIMPLE = (str, bool, int, float, type(None))

Default: TypeAlias = "Callable[[Any], Any]"
"""Returns an object as a JSON value, as `json.dumps` takes it; raises TypeError if it cannot."""


class UnboundedJSONError(ValueError):
    """JSON is nested too deeply, or consists of too many objects and lists."""


def check(text: str) -> None:
    """Make sure that *text* can be parsed within bounds; it may be no JSON at all.

    Raises:
        UnboundedJSONError: It cannot.
    """
    # Most texts have fewer brackets than levels are allowed; counting them takes 50 ns.
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
    """Return the value of *text*, which may not have the NaN and Infinity that Python accepts.

    Raises:
        ValueError: It is not JSON, or exceeds the bounds.
    """
    check(text)
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON value")


def loads(text: str | bytes) -> Any:
    """Return the value of *text*, as `json.loads` does.

    Raises:
        ValueError: It is not JSON, or exceeds the bounds.
    """
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    check(text)
    return json.loads(text)


def value_or(text: str | bytes, default: Any = None) -> Any:
    """Return the value of *text*, or *default* if it is not JSON or exceeds the bounds."""
    try:
        return loads(text)
    except (ValueError, RecursionError):
        return default


def dumps(value: Any, *, default: Default | None = None, allow_nan: bool = True) -> str:
    """Return the JSON text of *value*, as `json.dumps` does.

    Raises:
        ValueError: It is nested too deeply, or has a number that is not allowed.
        TypeError: Something in it cannot be written.
    """
    check_value(value, default)
    return json.dumps(value, default=default, allow_nan=allow_nan)


def check_value(value: Any, default: Default | None = None) -> None:
    """Check that *value* is not nested too deeply; the writer finds other faults.

    Raises:
        UnboundedJSONError: It cannot.
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
        case _:  # the object that stands for another one
            inner = [value]
    return [item for item in inner if not isinstance(item, _SIMPLE)]
