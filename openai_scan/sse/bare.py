"""Bare text: what a server sends in an event stream, or instead of one, without fields.

It is an error or a whole answer as JSON, or an error page. None of its lines has a field, so the
standard ignores it. It extends to the last line of the JSON, or to the next line with a field.
"""

from __future__ import annotations

import re

from attrs import frozen

from openai_scan.sse.beginnings import are_words, begins_bare, is_page
from openai_scan.sse.event import RawEvent

# A JSON string, in which brackets do not count. It ends with its line at the latest.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?')

_OPEN, _CLOSED = (b"{", b"["), (b"}", b"]")

# How much of a line of words to keep: what the message of an error quotes.
_MAX_WORDS = 200


@frozen(slots=False)
class BareText(RawEvent):
    """Bare text as an event: JSON or a page, or part of it if it was too long or cut off.

    Attributes:
        unclaimed: How many other lines without a known field it replaces; 0 for bare text. Its
            data is then the first of them that consists of words, if there is one.
    """

    unclaimed: int = 0


class BareLines:
    """Distinguishes bare text from other lines without a known field.

    Args:
        is_kept: Whether bare text is kept. If not, all lines without a known field are dropped.
        max_bytes: How many bytes of one text to keep.

    Attributes:
        unclaimed: How many other lines there were since the last report.
        is_open: Whether bare text has begun and may continue.
        scanned: How much of the data of the current block `goes_on()` has examined.
    """

    def __init__(self, *, is_kept: bool, max_bytes: int) -> None:
        self._is_kept = is_kept
        self._max_bytes = max_bytes
        self._text = bytearray()
        self._is_json = False
        self._depth = 0  # how many brackets of the text are open
        self.is_open = False
        self.unclaimed = 0
        self._words = ""
        self.scanned = 0
        self._data_depth = 0  # how many brackets are open in that part

    def goes_on(self, data: bytearray | None) -> bool:
        """Return whether lines without a field continue the *data* of their block.

        Some servers write JSON in several lines and put `data:` only before the first.
        """
        if not self._is_kept or not data or data[:1] not in (*_OPEN, b" "):
            return False
        if len(data) > self.scanned:
            before = self._data_depth if self.scanned else 0
            self._data_depth = before + _depth_of(data[self.scanned :])
            self.scanned = len(data)
        return self._data_depth > 0

    def take(self, line: bytes, events: list[RawEvent]) -> None:
        """Add a line without a known field; if it ends bare text, add the text to *events*."""
        is_first = not self.is_open
        if not self._is_kept:
            return
        if is_first and not begins_bare(line):
            self._count(line)
            return
        self.is_open = True
        if len(self._text) + len(line) < self._max_bytes:
            self._text += line + b"\n"
        if is_first:
            self._is_json = not is_page(line)
        if self._is_json:
            self._depth += _depth_of(line)
            if self._depth <= 0:
                self.close(events)

    def may_take(self, line: bytearray, data: bytearray | None) -> bool:
        """Return whether to keep an unfinished line without a known field.

        It is kept if it is, or may be, bare text, or continues the *data* of its block.
        """
        if not self._is_kept or len(line) > self._max_bytes:
            return False
        return self.is_open or begins_bare(line) is not False or self.goes_on(data)

    def skip(self, line: bytearray) -> None:
        """Count an unfinished line without a known field, the rest of which is not kept."""
        if self._is_kept:
            self._count(line)

    def _count(self, line: bytes | bytearray) -> None:
        self.unclaimed += 1
        if not self._words and are_words(line):
            self._words = line[:_MAX_WORDS].decode("utf-8", "replace")

    def report(self, events: list[RawEvent]) -> None:
        """Add an event that reports how many lines there were."""
        events.append(BareText("message", self._words, unclaimed=self.unclaimed))
        self.unclaimed, self._words = 0, ""

    def close(self, events: list[RawEvent]) -> None:
        """Add any unfinished bare text, and the report if there is one."""
        if self.unclaimed:
            self.report(events)
        if self.is_open:
            text = self._text.decode("utf-8", "replace").rstrip("\n")
            events.append(BareText("message", text))
            self._text.clear()
            self._depth = 0
            self.is_open = False


def _depth_of(text: bytes | bytearray) -> int:
    """Return how many brackets more *text* opens than it closes, outside its strings."""
    brackets = _STRING.sub(b"", text)
    return sum(map(brackets.count, _OPEN)) - sum(map(brackets.count, _CLOSED))
