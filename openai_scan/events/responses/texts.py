"""The texts of a response: one mechanism for everything that arrives in pieces.

An answer's text, a refusal, reasoning, a summary, arguments, the input of a custom tool, code, a
diff and a command all arrive in the same way: an event *begins* the text, and may have some of it;
*deltas* add to it; events *end* it, with the whole text. Any of these may be missing.

**What is new.** Each method returns what its event adds to what was handed out before:

- `take()` takes a delta. It is new, unless it repeats what an event that was no delta has brought.
- `begin()` takes the beginning. Only what goes on from the text so far is new.
- `end()` takes the whole text. Only what goes on from the text so far is new; see
  `Pieces.complete()`.

**States.**

- *open*: a delta is new.
- *repeating*: the text so far came from one event, and the deltas so far are a beginning of it.
  Some servers announce a part with all its text and then send the same text as deltas; others
  announce what there is and send only what follows. Both are understood: deltas wait as long as
  they could be either. If they repeat all of it, they are dropped. If they turn out to be something
  else, they are new. An end decides at once.

**Arguments** are a JSON object. Only blanks can follow a whole object, so if another `{` comes
after one, the arguments begin again: with the same ones, or with others that replace them. Some
servers send `{}` first and then the real arguments, so `{}` waits for the next event. Nothing is
guessed before the object is whole. Of several objects in one text the last counts.

**What never happens:** something is handed out twice; something that was handed out is taken back;
the time to take an event depends on how much came before it.
"""

from __future__ import annotations

import json
import re

from openai_scan import bounded_json
from openai_scan.events.base import Note
from openai_scan.events.snapshot import Pieces

# Where one object may end and another begin.
_SEAM = re.compile(r"\}\s*\{")
_INK = re.compile(r"\S")

# An object without members.
_EMPTY = re.compile(r"\s*\{\s*\}\s*")

# Returns the JSON value at a place in a text, and where it ends.
_decode = json.JSONDecoder().raw_decode

# What decides whether a JSON object is whole.
_MARKS = re.compile(r'\\.|\\\Z|["{}\[\]]', re.DOTALL)


class Text(Pieces):
    """A text that arrives in pieces."""

    __slots__ = ("_at", "_first")

    def __init__(self) -> None:
        super().__init__()
        self._first = ""  # what deltas may repeat; "" if open
        self._at = 0  # how much of it they have repeated

    @property
    def is_open(self) -> bool:
        """Whether the next delta is new, whatever it is."""
        return not self._first

    def take(self, delta: str, note: Note) -> str:
        """Take a delta."""
        if self._first:
            return self._repeat(delta, note)
        self.add(delta)
        return delta

    def begin(self, text: str, note: Note) -> str:  # noqa: ARG002 - as the other two
        """Take what an event that begins the text has of it."""
        if len(text) <= self.size:
            return ""
        missing = self.missing(text) or ""
        self.add(missing)
        self._first, self._at = missing, 0
        return missing

    def end(self, whole: str, note: Note) -> str:
        """Take the whole text, or less of it than has come."""
        self._first = ""
        return self.complete(whole, note)

    def flush(self) -> str:
        """Return what waits for another event, of which there is none."""
        return ""

    def _repeat(self, delta: str, note: Note) -> str:
        """Take a delta that may repeat the first text."""
        first, at = self._first, self._at
        if first.startswith(delta, at) and at + len(delta) < len(first):
            self._at += len(delta)
            return ""
        self._first = ""
        rest = len(first) - at
        if delta[:rest] == first[at:]:
            note("text_repeated")
            delta = delta[rest:]
            self.add(delta)
            return delta
        return self._other(first, first[:at] + delta, note)

    def _other(self, first: str, text: str, note: Note) -> str:  # noqa: ARG002 - for arguments
        """Take *text*, which does not repeat *first*."""
        self.add(text)
        return text


class Arguments(Text):
    """The arguments of a call."""

    __slots__ = ("_begins", "_depth", "_is_plain", "_is_quoted", "_is_silent", "_seen", "_waiting")

    def __init__(self) -> None:
        super().__init__()
        self._waiting = ""  # all text so far if it has not been handed out
        self._is_plain = False  # a delta that does not begin with a brace is new
        self._is_silent = False  # other arguments than these have been handed out
        self._look_again()

    def _look_again(self) -> None:
        self._seen = 0  # how much of the text has been looked at
        self._begins = ""  # what it begins with
        self._depth = 0
        self._is_quoted = False

    def take(self, delta: str, note: Note) -> str:
        if self._is_plain and delta.lstrip()[:1] != "{":
            self.add(delta)
            return delta
        said = self._take(delta, note)
        self._is_plain = not (self._first or self._waiting or self._is_silent)
        return said

    def _take(self, delta: str, note: Note) -> str:
        if self._first:
            return self._say(self._repeat(delta, note))
        if not self.size:
            delta = _last_object(delta, note)
            self.add(delta)
            return self._say(delta, wait=True)
        if delta.lstrip()[:1] == "{" and self._is_whole():
            self._first, self._at = self.start(self.size).rstrip(), 0
            return self._say(self._repeat(delta.lstrip(), note))
        self.add(delta)
        return self._say(delta)

    def begin(self, text: str, note: Note) -> str:
        text = _last_object(text, note)
        is_first = not self.size
        self._is_plain = False
        return self._say(super().begin(text, note), wait=is_first)

    def end(self, whole: str, note: Note) -> str:
        whole = _last_object(whole, note)
        is_poorer = self.size and not self._waiting and _EMPTY.fullmatch(whole)
        if is_poorer and self.missing(whole) is None:
            whole = ""
        if whole and self._waiting and self.missing(whole) is None:
            self._waiting = ""
            self.replace("")
        return self._say(super().end(whole, note)) or self.flush()

    def flush(self) -> str:
        waiting, self._waiting = self._waiting, ""
        return "" if self._is_silent else waiting

    def _say(self, text: str, *, wait: bool = False) -> str:
        """Return *text* and what waited before it, or have it wait if it is an empty object."""
        if wait and text.strip() == "{}":
            self._waiting = text
            return ""
        return self.flush() + text if text and not self._is_silent else ""

    def _is_whole(self) -> bool:
        """Return whether the text so far is a whole object, looking only at what is new in it."""
        seen, self._seen = self._seen, self.size
        text = self.read(seen, self.size - seen)
        self._begins = self._begins or text.lstrip()[:1]
        for match in _MARKS.finditer(text):
            match match[0]:
                case '"':
                    self._is_quoted = not self._is_quoted
                case "\\":  # half an escape
                    self._seen -= 1
                case "{" | "[" if not self._is_quoted:
                    self._depth += 1
                case "}" | "]" if not self._is_quoted:
                    self._depth -= 1
        return self._begins == "{" and not self._depth and not self._is_quoted

    def _other(self, first: str, text: str, note: Note) -> str:
        if not self._is_whole():  # the event that began them had only a part of them
            return super()._other(first, text, note)
        if not self._waiting:
            note("text_differs")
            self._is_silent = True
        self._waiting = ""
        self.replace(text)
        self._look_again()
        return text


def _last_object(text: str, note: Note) -> str:
    """Return the last of several whole objects that are *text*, or *text* if it is not several."""
    if _SEAM.search(text) is None:
        return text
    start = end = 0
    try:
        bounded_json.check(text)
        while (found := _INK.search(text, end)) is not None:
            start = found.start()
            value, end = _decode(text, start)
            if not isinstance(value, dict):
                return text
    except (ValueError, RecursionError):
        return text
    if start:
        note("text_repeated")
    return text[start:]
