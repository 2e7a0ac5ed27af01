"""Separate events that a server has glued together.

Some servers lose the blank line between two events, so that the data of one event are several JSON
objects in a row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from openai_scan import bounded_json
from openai_scan.events.base import DONE
from openai_scan.sse import RawEvent

# What remains between two events whose blank line is lost.
_GLUE = re.compile(r"\s*(?:data:\s*)?")


def unglue(raw: RawEvent) -> list[RawEvent]:
    """Return the events that are glued together in the data of *raw*.

    Returns:
        Two or more events, each with one JSON object or `[DONE]`. Empty if the data consist of
        anything else, or of only one of these.
    """
    return list(unglued(raw))


def unglued(raw: RawEvent) -> Iterator[RawEvent]:
    """Yield what `unglue()` returns, each only when it is asked for.

    A server can glue half a million events into one, which takes no memory this way.
    """
    try:
        bounded_json.check(raw.data)
        count = sum(1 for _ in _places(raw.data))
    except (ValueError, RecursionError):
        return
    if count > 1:
        for start, end in _places(raw.data):
            # The name belongs to the first event at best; each payload identifies itself.
            yield RawEvent("message", raw.data[start:end], raw.last_event_id)


def _places(data: str) -> Iterator[tuple[int, int]]:
    """Yield where each event in *data* starts and ends.

    Raises:
        ValueError: Something else follows.
    """
    decode = json.JSONDecoder().raw_decode
    end = 0
    while (start := next(_GLUE.finditer(data, end)).end()) < len(data):
        if data.startswith(DONE, start):
            end = start + len(DONE)
        elif data.startswith("{", start):
            end = decode(data, start)[1]
        else:
            raise ValueError("neither an object nor [DONE]")
        yield start, end
