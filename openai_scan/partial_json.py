"""The value of JSON text that is still arriving.

No well-maintained parser does this. ijson and json-stream take text in pieces but return a string
only when it is complete, and an answer may be one long string. jiter, pydantic-core and
partial-json-parser return unfinished strings but parse the text from its start each time, which is
quadratic. The incremental parsers on PyPI are young, or parse only part of JSON. This parser looks
at each character once, when its value is read.
"""

from __future__ import annotations

import io
import json
import re
import string
from typing import Any

from openai_scan.bounded_json import MAX_NESTING
from openai_scan.surrogates import join_halves, mend, split_half

_SPACE = re.compile(r"[ \t\n\r]+")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')  # characters that a string contains unescaped
_SCALAR = re.compile(r"[-+.0-9A-Za-z]+")  # a number, true, false or null

_ESCAPES = {
    '"': '"',
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}


class PartialJSON:
    """JSON text that arrives in pieces, and its value so far.

    ::

        answer = PartialJSON()
        answer.feed('{"city": "Ber')
        assert answer.value == {"city": "Ber"}

    A string grows while it arrives. A number, a literal and a key appear when they are complete,
    because the beginning of one may look like another. At the end of valid JSON, the value is what
    `json.loads` returns. Text that nests objects and lists more than 128 levels deep counts as
    broken.
    """

    def __init__(self) -> None:
        self._new = io.StringIO()  # text that has not been parsed yet
        self._half = ""  # half a surrogate pair at the end of the parsed text
        # The objects and lists that are open; the outermost holds the value.
        self._open: list[Any] = [[]]
        self._state = self._before_value
        self._key = ""
        self._in_key = False
        self._pieces: list[str] = []  # of a string or a scalar, not yet in the value
        self._escape = ""  # the beginning of an escape sequence, without its backslash
        self._high = ""  # an escaped high surrogate that waits for its low one
        self._broken = False

    def feed(self, text: str) -> None:
        """Add the next piece of the text, which may be split anywhere."""
        self._new.write(text)

    def finish(self) -> None:
        """End the text. Only a number needs this, because its end cannot be seen in the text."""
        self._look()
        if self._state == self._in_scalar and not self._broken:
            self._end_scalar()

    @property
    def value(self) -> Any:
        """The value so far; None before it has begun.

        Objects and lists are not copied: each access returns the same objects, which keep growing.
        """
        self._look()
        if self._state in (self._in_string, self._in_escape) and not self._in_key:
            self._show()
        return self._open[0][0] if self._open[0] else None

    @property
    def complete(self) -> bool:
        """Whether the value is complete."""
        self._look()
        return self._state == self._after_value and len(self._open) == 1 and not self._broken

    @property
    def broken(self) -> bool:
        """Whether the text is not JSON; the value is then what came before the mistake."""
        self._look()
        return self._broken

    def _look(self) -> None:
        """Parse the new text."""
        text = self._half + self._new.getvalue()
        if len(text) == len(self._half):
            return
        self._new = io.StringIO()
        text, self._half = split_half(text)
        text = mend(text)
        place = 0
        while place < len(text) and not self._broken:
            place = self._state(text, place)

    # The states. Each parses the text from a position and returns the position where it stopped.

    def _before_value(self, text: str, place: int) -> int:
        place = _end_of(_SPACE, text, place)
        match text[place : place + 1]:
            case "{":
                self._enter({})
                self._state = self._before_first_key
            case "[":
                self._enter([])
                self._state = self._before_first_item
            case '"':
                self._put("")
                self._in_key = False
                self._state = self._in_string
            case "":
                pass
            case _:
                self._state = self._in_scalar
                return place
        return place + 1

    def _before_first_item(self, text: str, place: int) -> int:
        place = _end_of(_SPACE, text, place)
        if text[place : place + 1] == "]":
            return self._leave(place)
        if place < len(text):
            self._state = self._before_value
        return place

    def _before_first_key(self, text: str, place: int) -> int:
        place = _end_of(_SPACE, text, place)
        if text[place : place + 1] == "}":
            return self._leave(place)
        if place < len(text):
            self._state = self._before_key
        return place

    def _before_key(self, text: str, place: int) -> int:
        place = _end_of(_SPACE, text, place)
        if self._is_next(text, place, '"'):
            self._in_key = True
            self._state = self._in_string
        return place + 1

    def _before_colon(self, text: str, place: int) -> int:
        place = _end_of(_SPACE, text, place)
        if self._is_next(text, place, ":"):
            self._state = self._before_value
        return place + 1

    def _after_value(self, text: str, place: int) -> int:
        place = _end_of(_SPACE, text, place)
        outer = self._open[-1]
        is_object = isinstance(outer, dict)
        match text[place : place + 1]:
            case "":
                pass
            case _ if len(self._open) == 1:
                self._broken = True
            case ",":
                self._state = self._before_key if is_object else self._before_value
            case "}" | "]" as end if is_object == (end == "}"):
                return self._leave(place)
            case _:
                self._broken = True
        return place + 1

    def _in_scalar(self, text: str, place: int) -> int:
        end = _end_of(_SCALAR, text, place)
        self._pieces.append(text[place:end])
        if end < len(text):
            self._end_scalar()
        return end

    def _in_string(self, text: str, place: int) -> int:
        end = _end_of(_PLAIN, text, place)
        self._add(text[place:end])
        match text[end : end + 1]:
            case '"':
                self._end_string()
            case "\\":
                self._escape = ""
                self._state = self._in_escape
            case "":
                pass
            case _:
                self._broken = True
        return end + 1

    def _in_escape(self, text: str, place: int) -> int:
        self._escape += text[place]
        if self._escape in _ESCAPES:
            self._add(_ESCAPES[self._escape])
            self._state = self._in_string
        elif self._escape[0] != "u" or not set(self._escape[1:]) <= set(string.hexdigits):
            self._broken = True
        elif len(self._escape) == len("u0000"):
            self._add_unit(chr(int(self._escape[1:], 16)))
            self._state = self._in_string
        return place + 1

    # Shared by the states.

    def _is_next(self, text: str, place: int, expected: str) -> bool:
        """Return whether *expected* comes next; anything else but the end of text is a mistake."""
        found = text[place : place + 1]
        self._broken = found not in ("", expected)
        return found == expected

    def _put(self, value: Any) -> None:
        outer = self._open[-1]
        if isinstance(outer, dict):
            outer[self._key] = value
        else:
            outer.append(value)

    def _enter(self, container: Any) -> None:
        if len(self._open) > MAX_NESTING:  # Python could not print or compare a deeper value
            self._broken = True
            return
        self._put(container)
        self._open.append(container)

    def _leave(self, place: int) -> int:
        self._open.pop()
        self._state = self._after_value
        return place + 1

    def _add(self, text: str) -> None:
        """Add text to the current string."""
        if text:
            self._pieces += (self._high, text)
            self._high = ""

    def _add_unit(self, unit: str) -> None:
        """Add an escaped UTF-16 unit; some characters take two of them."""
        text, self._high = split_half(join_halves(self._high + unit))
        self._pieces.append(text)

    def _end_string(self) -> None:
        self._pieces.append(self._high)
        self._high = ""
        if self._in_key:
            self._key = "".join(self._pieces)
            self._pieces.clear()
            self._state = self._before_colon
        else:
            self._show()
            self._state = self._after_value

    def _show(self) -> None:
        """Put the current string, as far as it has arrived, into the value."""
        outer = self._open[-1]
        shown = outer.pop(self._key) if isinstance(outer, dict) else outer.pop()
        # There is no other reference to the string now, so CPython can extend it in place.
        shown += "".join(self._pieces)
        self._pieces.clear()
        self._put(shown)

    def _end_scalar(self) -> None:
        try:
            self._put(json.loads("".join(self._pieces)))
        except ValueError:
            self._broken = True
        self._pieces.clear()
        self._state = self._after_value


def _end_of(run: re.Pattern[str], text: str, place: int) -> int:
    """Return the position where the run of characters that starts at *place* ends."""
    found = run.match(text, place)
    return place if found is None else found.end()
