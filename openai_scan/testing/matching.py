"""Which recorded answer belongs to a request, and what is different where none does.

A cassette is checked in, and holds no prompt. So of each value of a request it has a digest only,
under the place of the value: enough to say which of them differs, not what it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from openai_scan.testing.request import SeenRequest

VOLATILE = ("metadata", "prompt_cache_key", "safety_identifier", "user")
"""What may differ from run to run and says nothing about the answer."""

# An error names so many differences.
_MAX_NAMED = 5

# Enough to tell values apart; nothing depends on nobody finding two that are alike.
_DIGEST_LENGTH = 12


def digests_of(request: SeenRequest, *, ignore: Collection[str]) -> dict[str, str]:
    """Return a digest of each value of *request*, under its place, such as `"messages[0].role"`.

    Args:
        request: What is asked. A body that is not JSON is one value.
        ignore: The names of parameters, in the body or the query, that are left out.
    """
    try:
        body = request.json
    except ValueError:
        body = {"(body)": request.body.hex()}
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in ignore}
    asked = {name: values for name, values in request.query.items() if name not in ignore}
    places = (("", body), *((f"?{name}", values) for name, values in asked.items()))
    return {
        place: hashlib.sha256(json.dumps(value).encode()).hexdigest()[:_DIGEST_LENGTH]
        for start, values in places
        for place, value in _values(start, values)
    }


def differences(recorded: Mapping[str, str], asked: Mapping[str, str]) -> list[str]:
    """Return, in words, what is not as it was recorded, in the order of what is asked."""
    found = []
    for place, digest in asked.items():
        if place not in recorded:
            found.append(f"{place} is new")
        elif recorded[place] != digest:
            found.append(f"{place} differs")
    return found + [f"{place} is missing" for place in recorded if place not in asked]


def in_short(found: list[str]) -> str:
    """Return differences in one line."""
    more = len(found) - _MAX_NAMED
    return ", ".join(found[:_MAX_NAMED] + ([f"and {more} more"] if more > 0 else []))


def _values(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each value that has no others in it, after its place."""
    inner: Iterator[tuple[str, Any]]
    if isinstance(value, dict) and value:
        dot = "." if place else ""
        inner = ((f"{place}{dot}{name}", one) for name, one in value.items())
    elif isinstance(value, list) and value:
        inner = ((f"{place}[{index}]", one) for index, one in enumerate(value))
    else:
        yield place or "(body)", value
        return
    for start, one in inner:
        yield from _values(start, one)
