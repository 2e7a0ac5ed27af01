"""The arguments of a call: JSON text that arrives in pieces, and sometimes more than once.

Some servers send `{}` first and then the real arguments, and some send all of them twice. Only
blanks can follow a whole JSON object, so an object after it begins the arguments again. Whether an
object is whole is found by counting brackets; each character is looked at once.

What has been handed out as a piece cannot be taken back. So:

- The brace that closes an empty object is held back until the arguments begin again, and what was
  handed out is then their beginning, or until the call is over. So is `null`, which some servers
  send for no arguments.
- Arguments that repeat those before are not handed out again.
- Other arguments are handed out whole. They follow the earlier ones, which they replace.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from openai_scan import bounded_json
from openai_scan.events.base import Note
from openai_scan.events.snapshot import Pieces, parses

_BLANKS = re.compile(r"\s*")
_OUTSIDE = re.compile(r'[\[\]{}"]')
_INSIDE = re.compile(r'"|\\.?', re.DOTALL)
_NULL = re.compile(r"\s*null\s*(?=\{)")
_EMPTY = re.compile(r"\s*\{\s*\}\s*")
# Characters, with blanks around it.
_LONGEST_NULL = 16
# How many characters JSON may use for one: two escapes of six.
_LONGEST_ESCAPE = 12
# How many more blanks one text may have than another of the same value.
_MOST_BLANKS = 64
_SOMETHING = re.compile(r"[^\s{}]")

_UNREADABLE = object()


class Arguments:
    """The arguments of one call as far as they have arrived."""

    def __init__(self) -> None:
        self._text = Pieces()
        self._nesting = _Nesting()
        self._held = 0  # how many characters at the end of the text have not been handed out
        self._closed = False
        # Once the arguments have begun again:
        self._before: tuple[Pieces, _Nesting, int] | None = None  # what they replace
        self._given = ""  # what has been handed out before
        self._repeated = 0  # how many of its characters have come again; -1 if others have come

    def __str__(self) -> str:
        return str(self._text)

    @property
    def whole(self) -> bool:
        """Whether nothing but blanks can follow."""
        return self._nesting.whole

    @property
    def is_open(self) -> bool:
        """Whether the arguments have begun and are not whole."""
        return self._text.size > 0 and not self._nesting.whole

    @property
    def is_empty(self) -> bool:
        """Whether no argument has come."""
        return self._nesting.empty

    def fit(self, text: str) -> bool:
        """Return whether the whole arguments may be *text*."""
        return any(self._text.missing(form) is not None for form in _forms(text))

    def add(self, text: str, note: Note) -> str:
        """Take a piece, and return what is handed out."""
        given = []
        start = 0
        if not self._text.size and (null := _NULL.match(text)) is not None:
            start = null.end()
            note("arguments_restarted")
        while start < len(text):
            nesting = self._nesting
            if nesting.whole or self._is_null:
                start_of_rest = _match_end(text, start)
                if start_of_rest == len(text):
                    if self._before is None and not self._closed:
                        given.append(self._put(text[start:]))
                    break
                if text[start_of_rest] == "{":
                    note("arguments_restarted")
                    self._begin_anew()
                    start = start_of_rest
                else:
                    nesting.broken = True
            end = self._nesting.scan(text, start)
            given.append(self._put(text[start:end]))
            start = end
        return "".join(given)

    def complete(self, whole: str, note: Note) -> str:
        """Take the whole arguments, and return what is new of them."""
        before = None if self._repeated < 0 else self._before
        if before is not None and _equal(str(before[0]), whole):
            self._go_back()  # the arguments have begun again, as the same ones
            return ""
        if not whole.strip() or (self._text.size and _EMPTY.fullmatch(whole)):
            return ""
        if not self._text.size or (self._nesting.whole and self._nesting.empty):
            return self.add(whole, note)
        for form in _forms(whole):
            missing = self._text.missing(form)
            if missing is not None:
                return self.add(missing, note)
        if self._nesting.whole and (not parses(whole) or _equal(str(self._text), whole)):
            return ""
        note("text_differs")
        self._text, self._nesting, self._held = Pieces(whole), _Nesting(), 0
        self._nesting.scan(whole, 0)
        self._before = None
        return ""

    def close(self) -> str:
        """Return what was held back; of a call without arguments, the empty object."""
        was_closed, self._closed = self._closed, True
        if self._nesting.blank or self._is_null:
            self._held = 0
            return "" if was_closed else "{}"
        held, self._held = self._held, 0
        text = self._raw()
        return text[len(text) - held :]

    @property
    def _is_null(self) -> bool:
        return self._may_be_null() and "null" in self._raw()

    def _may_be_null(self) -> bool:
        """Return whether `null` has come, or a beginning of it."""
        return self._text.size <= _LONGEST_NULL and "null".startswith(self._raw().strip())

    def _raw(self) -> str:
        return self._text.start(self._text.size)

    def _put(self, text: str) -> str:
        """Add *text*, which is of one object, and return what is handed out."""
        self._text.add(text)
        nesting = self._nesting
        if self._before is None:
            if (nesting.whole and nesting.empty) or self._may_be_null():
                self._held += len(text)
                return ""
            held, self._held = self._held, 0
            return self._raw()[-len(text) - held :] if held else text
        if nesting.empty:
            if nesting.whole:
                self._go_back()
            return ""
        if self._repeated < 0:
            return text
        if not self._repeated:
            text = self._raw()
        return self._compare(text)

    def _compare(self, text: str) -> str:
        """Return what is handed out of *text*, which may repeat what has been handed out."""
        given, start = self._given, self._repeated
        if given.startswith(text, start):
            self._repeated += len(text)
            if self._nesting.whole:
                self._go_back()
            return ""
        self._repeated = -1
        rest = len(given) - start
        if rest < len(text) and text.startswith(given[start:]):
            return text[rest:]
        return self._raw()

    def _begin_anew(self) -> None:
        # Copying long arguments is slow, and repeated ones bring nothing new.
        if self._before is None or self._repeated < 0:
            text = self._raw()
            self._given = text[: len(text) - self._held]
            if self._nesting.empty:
                self._given = self._given.strip()  # the brace, if that
        self._before = self._text, self._nesting, self._held
        self._text, self._nesting, self._held = Pieces(), _Nesting(), 0
        self._repeated = 0

    def _go_back(self) -> None:
        """Drop the arguments that have begun again, since they bring nothing."""
        assert self._before is not None  # noqa: S101
        self._text, self._nesting, self._held = self._before
        self._repeated = 0


class _Nesting:
    """Counts brackets.

    Attributes:
        whole: Whether an object has come and is closed.
        empty: Whether nothing but the braces of one object has come.
        broken: Whether anything has followed the object, so that the text is not JSON.
    """

    def __init__(self) -> None:
        self.broken = False
        self.empty = True
        self._closed = False
        self._depth = 0
        self._in_text = False
        self._half = False  # the last character was a backslash

    @property
    def whole(self) -> bool:
        return self._closed and not self.broken

    @property
    def blank(self) -> bool:
        """Whether nothing but blanks has come."""
        return self.empty and not (self._closed or self._depth)

    def scan(self, text: str, start: int) -> int:
        """Count the brackets of *text* from *start* on, and return where the object ends in it."""
        end = self._end(text, start)
        if self.empty and _SOMETHING.search(text, start, end):
            self.empty = False
        return end

    def _end(self, text: str, start: int) -> int:
        place = start + self._half
        self._half = False
        while not self.broken and place < len(text):
            found = (_INSIDE if self._in_text else _OUTSIDE).search(text, place)
            if found is None:
                break
            place = found.end()
            character = found[0]
            if character == '"':
                self._in_text = not self._in_text
            elif character[0] == "\\":
                self._half = character == "\\"
            elif character in "{[":
                self._depth += 1
                self.empty = self.empty and self._depth == 1
            else:
                self._depth -= 1
                if self._depth <= 0:
                    self._closed = character == "}"
                    self.broken = not self._closed
                    return place if self._closed else len(text)
        return len(text)


def is_object(text: str) -> bool:
    """Return whether *text* is a whole JSON object."""
    return text.lstrip()[:1] == "{" and parses(text)


def _match_end(text: str, start: int) -> int:
    blanks = _BLANKS.match(text, start)
    assert blanks is not None  # noqa: S101 - it matches nothing, too
    return blanks.end()


def _forms(text: str) -> Iterator[str]:
    """Yield *text*, and other texts of the same JSON value, as servers write it."""
    yield text
    value = bounded_json.value_or(text, _UNREADABLE)
    if value is _UNREADABLE:
        return
    for separators in ((",", ":"), (", ", ": ")):
        for ascii_only in (False, True):
            yield json.dumps(value, separators=separators, ensure_ascii=ascii_only)


def _equal(text: str, other: str) -> bool:
    """Return whether two texts are the same JSON value."""
    if len(text) > _LONGEST_ESCAPE * len(other) + _MOST_BLANKS:
        return False  # so that it is not parsed again for each small one
    value = bounded_json.value_or(text, _UNREADABLE)
    return value is not _UNREADABLE and bool(value == bounded_json.value_or(other, _UNREADABLE))
