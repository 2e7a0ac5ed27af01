"""Find the recorded answer to a request, and describe what differs if there is none.

A cassette is checked in and must not contain prompts. So it has only a digest of each value of the
request, under the place of the value: enough to say which value differs, not what it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from openai_scan.testing.request import SeenRequest

VOLATILE = ("metadata", "prompt_cache_key", "safety_identifier", "user")
"""Parameters that may differ from run to run and do not affect the answer."""

# The most differences that an error lists.
_MAX_NAMED = 5

# Long enough to tell values apart; security does not depend on collisions.
_DIGEST_LENGTH = 12


def digests_of(request: SeenRequest, *, ignore: Collection[str]) -> dict[str, str]:
    """Return a digest of each value of *request*, under its place, such as `"messages[0].role"`.

    Args:
        request: The request. A body that is not JSON counts as one value.
        ignore: The names of parameters, in the body or the query, to leave out.
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
    """Return what differs from the recorded request, in words, in the order of the new one."""
    found = []
    for place, digest in asked.items():
        if place not in recorded:
            found.append(f"{place} is new")
        elif recorded[place] != digest:
            found.append(f"{place} differs")
    return found + [f"{place} is missing" for place in recorded if place not in asked]


def in_short(found: list[str]) -> str:
    """Return the differences in one line."""
    more = len(found) - _MAX_NAMED
    return ", ".join(found[:_MAX_NAMED] + ([f"and {more} more"] if more > 0 else []))


def _values(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each value that contains no others, after its place."""
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
