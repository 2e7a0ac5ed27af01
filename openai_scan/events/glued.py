"""Separate events that a server has glued together.

Some servers lose the blank line between two events, so that the data of one event are several JSON
objects in a row.
"""

from __future__ import annotations

import json
import re

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
    decoder = json.JSONDecoder()
    data = raw.data
    pieces = []
    end = 0
    while (start := next(_GLUE.finditer(data, end)).end()) < len(data):
        if data.startswith(DONE, start):
            end = start + len(DONE)
        elif not data.startswith("{", start):
            return []
        else:
            try:
                end = decoder.raw_decode(data, start)[1]
            except (ValueError, RecursionError):
                return []
        # The name belongs to the first event at best; each payload identifies itself.
        pieces.append(RawEvent("message", data[start:end], raw.last_event_id))
    return pieces if len(pieces) > 1 else []
