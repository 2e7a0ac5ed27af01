"""The value of JSON text that is still arriving.

None of the well-kept parsers does this. ijson and json-stream take text in pieces, but hand over
a string only when it is whole, and an answer may be one long string; jiter, pydantic-core and
partial-json-parser show a string that is under way, but parse all the text from its start each
time, so that the work grows with the square of its length. The incremental ones on PyPI are young,
or for some of JSON only. So here is a small one: each character is looked at once, when somebody
asks for the value.
"""

from __future__ import annotations

import io
import json
import re
import string
from typing import Any

from openai_scan.surrogates import mend

_SPACE = re.compile(r"[ \t\n\r]+")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')  # what stands in a string as it is
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
    """JSON text that comes in pieces, and its value so far.

    ::

        answer = PartialJSON()
        answer.feed('{"city": "Ber')
        assert answer.value == {"city": "Ber"}

    A string grows while it arrives; a number, a literal and a key are there when they are whole,
    since half of one would be another. What `json.loads` takes has the same value at its end.
    """

    def __init__(self) -> None:
        self._new = io.StringIO()  # text that has not been looked at
        self._half = ""  # half a surrogate pair at its end
        # The objects and lists that are open; the outermost holds the value.
        self._open: list[Any] = [[]]
        self._state = self._before_value
        self._key = ""
        self._in_key = False
        self._pieces: list[str] = []  # of a string or a scalar, since it was last shown
        self._escape = ""  # what has come of an escape sequence behind its backslash
        self._high = ""  # the first escape of a pair
        self._broken = False

    def feed(self, text: str) -> None:
        """Take the next piece of the text, split anywhere."""
        self._new.write(text)

    def finish(self) -> None:
        """Say that no more text comes: only so a number knows its end, if it is the whole value."""
        self._look()
        if self._state == self._in_scalar and not self._broken:
            self._end_scalar()

    @property
    def value(self) -> Any:
        """The value so far; None before it has begun.

        Objects and lists are not copied: they are the same each time, and grow.
        """
        self._look()
        if self._state in (self._in_string, self._in_escape) and not self._in_key:
            self._show()
        return self._open[0][0] if self._open[0] else None

    @property
    def complete(self) -> bool:
        """Whether the value is whole."""
        self._look()
        return self._state == self._after_value and len(self._open) == 1 and not self._broken

    @property
    def broken(self) -> bool:
        """Whether the text has turned out not to be JSON; the value is what came until then."""
        self._look()
        return self._broken

    def _look(self) -> None:
        """Look at the text that is new."""
        text = self._half + self._new.getvalue()
        if len(text) == len(self._half):
            return
        self._new = io.StringIO()
        self._half = text[-1] if "\ud800" <= text[-1] <= "\udbff" else ""
        text = mend(text[:-1] if self._half else text)
        place = 0
        while place < len(text) and not self._broken:
            place = self._state(text, place)

    # The states: each looks at the text from a place on, and returns the place it has come to.

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

    # What the states do.

    def _is_next(self, text: str, place: int, expected: str) -> bool:
        """Tell whether *expected* is there; anything else but the end of the text is no JSON."""
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
        self._put(container)
        self._open.append(container)

    def _leave(self, place: int) -> int:
        self._open.pop()
        self._state = self._after_value
        return place + 1

    def _add(self, text: str) -> None:
        """Add text to the string that is open."""
        if text:
            self._pieces += (self._high, text)
            self._high = ""

    def _add_unit(self, unit: str) -> None:
        """Add an escaped UTF-16 unit, of which it takes two for some characters."""
        if self._high and "\udc00" <= unit <= "\udfff":
            pair, self._high = self._high + unit, ""
            unit = pair.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        self._add(unit)
        if "\ud800" <= unit <= "\udbff":
            self._high = self._pieces.pop()

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
        """Put what has come of a string where it belongs."""
        outer = self._open[-1]
        shown = outer.pop(self._key) if isinstance(outer, dict) else outer.pop()
        # Nothing else holds the string now, so that CPython can let it grow where it is.
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
    """Return where the characters of *run* end that stand at *place*."""
    found = run.match(text, place)
    return place if found is None else found.end()
