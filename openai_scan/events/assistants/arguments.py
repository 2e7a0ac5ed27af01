"""The arguments of a function call while they arrive: which text is new, and which is repeated."""

from __future__ import annotations

import re
from typing import Any

from openai_scan import bounded_json
from openai_scan.events.base import Note
from openai_scan.events.snapshot import Pieces

_BLANKS = re.compile(r"\s*")
_TELLING = re.compile(r'["\\{}\[\]]')

# Nothing, or the beginning of an empty object. Some servers announce each call with `{}` and send
# its arguments afterwards, and some end it that way.
_MAYBE_EMPTY = re.compile(r"\s*(?:\{\s*(?:\}\s*)?)?")

_EMPTY = re.compile(r"\s*(?:\{\s*\}\s*)?")

# A longer text is not held back, even if it is all blanks.
_MOST_HELD = 16

_UNREADABLE = object()


class Arguments:
    """JSON text that arrives in pieces, in whole, or both.

    - Only blanks can follow a whole object. So a `{` after it begins the object again: some servers
      send the arguments when they announce a call and again in pieces. The new object is handed out
      when it is whole, and only if it is another value.
    - `{}` is not handed out until it is certain that nothing replaces it.
    """

    def __init__(self) -> None:
        self._text = Pieces()
        self._object = _Object()
        self._held: str | None = ""  # the text, as long as it may be replaced
        self._anew: list[str] | None = None  # an object that has begun after a whole one
        self._value: Any = None  # what the text means, once that was asked for

    def add(self, text: str, note: Note) -> str:
        """Take a piece; return what of it is new."""
        added: list[str] = []
        start = 0
        while start < len(text):
            if self._object.whole:
                begin = _match_end(text, start)
                if not text.startswith("{", begin):
                    added.append(self._take(text[start:]))  # blanks, or no JSON at all
                    break
                self._object, self._anew, start = _Object(), [], begin
            end = self._object.feed(text, start)
            if self._anew is None:
                added.append(self._take(text[start:end]))
            else:
                self._anew.append(text[start:end])
                if self._object.whole:
                    whole, self._anew = "".join(self._anew), None
                    added.append(self._replace(whole, note))
            start = end
        return "".join(added)

    def complete(self, whole: str, note: Note, *, final: bool) -> str:
        """Take all of the arguments, as an event with the whole call brings them.

        Args:
            whole: The arguments; nothing or `{}` does not take back what came in pieces.
            note: Counts a contradiction.
            final: Whether nothing follows.

        Returns:
            What had not been handed out.
        """
        if _EMPTY.fullmatch(whole):
            if self._held is not None and whole.strip() and not self._held.strip():
                self._text, self._held = Pieces(whole), whole
                self._object.feed(whole)
            return self._release() if final else ""
        is_known = self._held is None and self._means(whole)
        before = str(self._text)
        is_other = not whole.startswith(before)
        missing = "" if is_known else self._missing(whole, note)
        scanned = _Object()
        scanned.feed(whole)
        if not scanned.whole:
            self._object.feed(missing)
        elif before and not self._object.whole and self._anew is None and not is_other:
            self._anew = [before]  # the deltas go on, and repeat what came
        elif not is_known:
            self._object, self._anew = scanned, None
        if not is_known:
            self._value = None
        return missing

    def settle(self, note: Note) -> str:
        """Note that the call has all its arguments; return what had not been handed out."""
        missing = self._release()
        return missing if str(self._text).strip() else self.add("{}", note) + self._release()

    def agree(self, whole: str) -> bool:
        """Return whether the arguments so far can become *whole*, or were all of it."""
        text = str(self._text)
        return bool(
            _MAYBE_EMPTY.fullmatch(text)
            or _EMPTY.fullmatch(whole)
            or whole.startswith(text)
            or text.startswith(whole)
            or self._means(whole)
        )

    def __str__(self) -> str:
        return str(self._text)

    def _take(self, piece: str) -> str:
        self._value = None
        self._text.add(piece)
        if self._held is None:
            return piece
        self._held += piece
        if len(self._held) <= _MOST_HELD and _MAYBE_EMPTY.fullmatch(self._held):
            return ""
        return self._release()

    def _release(self) -> str:
        held, self._held = self._held, None
        return held or ""

    def _replace(self, whole: str, note: Note) -> str:
        """Take a whole object that came after another one."""
        if self._held is None:
            if self._means(whole):
                return ""
            note("arguments_restarted")
        else:
            self._held = ""
        self._text = Pieces()
        return self._take(whole)

    def _missing(self, whole: str, note: Note) -> str:
        if self._held is None:
            return self._text.complete(whole, note)
        self._held = None
        self._text = Pieces(whole)
        return whole

    def _means(self, whole: str) -> bool:
        """Return whether *whole* is the same JSON value as the text so far."""
        if self._value is None:
            self._value = bounded_json.value_or(str(self._text), _UNREADABLE)
        if self._value is _UNREADABLE:
            return False
        return bool(self._value == bounded_json.value_or(whole, _UNREADABLE))


class _Object:
    """Finds where an object in JSON text ends; each piece continues the scan.

    Attributes:
        whole: Whether the end has come.
    """

    whole: bool = False

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped_at = -1  # the place of a character after a backslash in the next piece

    def feed(self, text: str, start: int = 0) -> int:
        """Read *text* from *start* on; return where the object ends, or else the text."""
        skip = start if self._escaped_at == 0 else -1
        self._escaped_at = -1
        for match in _TELLING.finditer(text, start):
            place, character = match.start(), match[0]
            if place == skip:
                continue
            if character == "\\":
                skip = place + 1
                if skip == len(text):
                    self._escaped_at = 0
            elif character == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if character in "{[" else -1
                if self._depth <= 0:
                    self.whole = True
                    return place + 1
        return len(text)


def _match_end(text: str, start: int) -> int:
    match = _BLANKS.match(text, start)
    return start if match is None else match.end()
