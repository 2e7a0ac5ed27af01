"""Separate events that a server has run together.

Some servers lose the blank line between two events, so that the data of one event are several JSON
objects in a row. The name that came with them is the last of theirs, and may belong to any.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from openai_scan import bounded_json
from openai_scan.events.base import DONE, FIRST_WORDS, first_word
from openai_scan.events.names import identify
from openai_scan.sse import RawEvent

# What remains between two events whose blank line is lost.
_GLUE = re.compile(r"\s*(?:data:\s*)?")


def unglue(raw: RawEvent) -> list[RawEvent]:
    """Return the events that have run together in the data of *raw*.

    Returns:
        Two or more events, each with one JSON object or `[DONE]`. Empty if the data consist of
        anything else, or of only one of these.
    """
    glue = Glue(raw)
    return list(glue.pieces()) if glue.count > 1 and glue.is_whole else []


class Glue:
    """The JSON objects and `[DONE]`s in a row in the data of an event.

    Making one takes a look at all of them; nothing is kept, since a server can glue half a million
    events into one.

    Args:
        raw: The event.

    Attributes:
        count: How many there are; 0 if the data are too deep or too many to be read.
        is_whole: Whether nothing else is left after them.
        is_ours: Whether at least one of them shows which event it is, or ends the stream.
    """

    def __init__(self, raw: RawEvent) -> None:
        self._raw = raw
        self._end = 0  # of the last of them
        self._nameless: int | None = None  # the last that does not show which event it is
        self._has_error = False
        self.count = 0
        self.is_ours = False
        try:
            bounded_json.check(raw.data)
        except ValueError:
            self.is_whole = False
            return
        for _, end, value in _places(raw.data):
            self._look_at(value)
            self._end = end
            self.count += 1
        self.is_whole = not _GLUE.sub("", raw.data[self._end :], count=1)

    def pieces(self) -> Iterator[RawEvent]:
        """Yield the events one by one, and what is left after them as one more."""
        raw = self._raw
        is_error = raw.type == "error" and not self._has_error
        if is_error and self._nameless is None:
            yield RawEvent("error", "", raw.last_event_id)
        own_name = raw.type if first_word(raw.type) in FIRST_WORDS else "message"
        for number, (start, end, value) in enumerate(_places(raw.data)):
            name = "message"
            if number == self._nameless and is_error:
                name = "error"
            elif value is not None and _is_nameless(value):
                name = own_name
            yield RawEvent(name, raw.data[start:end], raw.last_event_id)
        if not self.is_whole:
            start = next(_GLUE.finditer(raw.data, self._end)).end()
            yield RawEvent("message", raw.data[start:], raw.last_event_id)

    def whole_pieces(self) -> Iterator[RawEvent]:
        """Yield the events one by one, without what is left after them."""
        pieces = self.pieces()
        return pieces if self.is_whole else _all_but_last(pieces)

    def _look_at(self, value: Any) -> None:
        if value is not None and _is_nameless(value):
            self._nameless = self.count
            return
        self.is_ours = True
        self._has_error = self._has_error or (
            value is not None and identify("message", value)[0] == "error"
        )


def _is_nameless(value: dict[str, Any]) -> bool:
    return identify("message", value)[0] == "message"


def _all_but_last(pieces: Iterator[RawEvent]) -> Iterator[RawEvent]:
    before = None
    for piece in pieces:
        if before is not None:
            yield before
        before = piece


def _places(data: str) -> Iterator[tuple[int, int, dict[str, Any] | None]]:
    """Yield where each event in *data* starts and ends, and its object; None for `[DONE]`.

    It ends before the first thing that is neither.
    """
    decode = json.JSONDecoder().raw_decode
    end = 0
    while (start := next(_GLUE.finditer(data, end)).end()) < len(data):
        value = None
        if data.startswith(DONE, start):
            end = start + len(DONE)
        elif data.startswith("{", start):
            try:
                value, end = decode(data, start)
            except (ValueError, RecursionError):
                return
        else:
            return
        yield start, end, value
