"""What the folds of all families share.

The `snapshot.py` of a family has its fold, which takes the events of the family one by one, and
the answer that the fold returns. An answer is frozen: a later event does not change it.
"""

from __future__ import annotations

import io
from typing import TypeVar

from openai_scan import bounded_json
from openai_scan.events.base import Note
from openai_scan.surrogates import after, mend, split_half
from openai_scan.values import Call

T = TypeVar("T")


class WithoutCalls:
    """A base for the answers of an API that does not call functions."""

    __slots__ = ()

    @property
    def calls(self) -> tuple[Call, ...]:
        """Always empty: this API does not call functions."""
        return ()


class WithoutText(WithoutCalls):
    """A base for answers that have no text either, such as speech and images."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """Always empty: the text was in the request."""
        return ""


class Pieces:
    """Text that arrives in pieces and is joined when it is asked for.

    Attributes:
        add: Adds a piece.
    """

    __slots__ = ("_buffer", "_length", "_text", "add")

    def __init__(self, text: str = "") -> None:
        # A StringIO rather than a list: a million deltas do not stay a million objects.
        self._buffer = io.StringIO()
        self.add = self._buffer.write
        self.add(text)
        self._length = 0  # of the text that has been joined
        self._text = ""

    def complete(self, whole: str, note: Note) -> str:
        """Take the whole text, as an event that ends the text brings it.

        The time is proportional to *whole*, however much text came before.

        Returns:
            What is new, for the caller to hand out. Nothing if *whole* is shorter than the text so
            far: a server that ends a text early takes nothing back. Nothing either if *whole* is a
            different text, which then replaces the text so far and is noted as `text_differs`.
        """
        missing = self.missing(whole)
        if missing is None:
            note("text_differs")
            self.replace(whole)
            return ""
        self.add(missing)
        return missing

    def missing(self, whole: str) -> str | None:
        """Return what follows the text so far in *whole*, maybe nothing; None if it differs."""
        if not whole:
            return ""
        so_far = self.start(len(whole))
        if whole.startswith(so_far):
            return whole[len(so_far) :]
        if whole.isascii() and so_far.isascii():
            return None
        # Characters that one of the two has in halves may be joined in the other.
        so_far = self.start(2 * len(whole))
        if after(whole, so_far) is not None:
            return ""
        return after(so_far, whole)

    def start(self, length: int) -> str:
        """Return the first *length* characters of the text so far, halves included."""
        return self.read(0, length)

    def read(self, start: int, length: int) -> str:
        """Return at most *length* characters from *start* on, halves included."""
        end = self._buffer.tell()
        if not start and length >= end:
            return self._buffer.getvalue()
        self._buffer.seek(start)
        text = self._buffer.read(length)
        self._buffer.seek(end)
        return text

    def replace(self, text: str) -> None:
        """Forget the text so far and begin again with *text*."""
        self._buffer.seek(0)
        self._buffer.truncate()
        self.add(text)
        self._length = -1

    @property
    def size(self) -> int:
        """The number of characters so far, halves included."""
        return self._buffer.tell()

    def __str__(self) -> str:
        """Return the text so far, without half a character at its end."""
        length = self._buffer.tell()
        if length != self._length:
            self._length = length
            text = self._buffer.getvalue()
            self._text = mend(split_half(text)[0])
        return self._text


class Ahead:
    """Text that came as a whole before its deltas, which then bring it once more.

    open-assistant-api announces a call with all of its arguments and streams them afterwards, and a
    delta may arrive after the event that ends its text.
    """

    __slots__ = ("_place", "_text")

    def __init__(self) -> None:
        self._text = ""
        self._place = 0  # up to which deltas have repeated the text

    def __bool__(self) -> bool:
        return bool(self._text)

    def lead(self, text: str) -> None:
        """Take text that came as a whole and that deltas may repeat."""
        if text:
            self._text = self._text[self._place :] + text
            self._place = 0

    def new(self, delta: str) -> str:
        """Return what a delta adds: nothing as long as it repeats text that came as a whole.

        If a delta says something else before all of that text has come once more, the deltas before
        it did not repeat anything: what they said is returned with it.
        """
        if not self._text:
            return delta
        if self._text.startswith(delta, self._place):
            self._place += len(delta)
            return ""
        said, left = self._text[: self._place], self._text[self._place :]
        self._text = ""
        return delta[len(left) :] if delta.startswith(left) else said + delta


class ByIndex(dict[int, T]):
    """Parts by their index, which knows the highest: looking for it would be linear each time.

    Attributes:
        last: The highest index, or None while there are no parts.
    """

    last: int | None = None

    def __setitem__(self, index: int, part: T) -> None:
        super().__setitem__(index, part)
        if self.last is None or index > self.last:
            self.last = index

    def in_order(self) -> list[T]:
        """Return the parts, sorted by their index."""
        return [self[index] for index in sorted(self)]


def call_of(
    *,
    id: str,
    name: str,
    arguments: str | None,
    finished: bool,
    choice: int = 0,
    kind: str = "function",
    needs_id: bool = True,
) -> Call:
    """Return a call as far as it has arrived.

    A finished call without arguments gets `{}`, since some servers send no text instead.

    Args:
        id: See `Call`.
        name: See `Call`.
        arguments: What has arrived of the arguments or of the input.
        finished: Whether the server has finished the call.
        choice: See `Call`.
        kind: See `Call`.
        needs_id: Whether the call can be answered only by its id.
    """
    text = arguments or ""
    is_function = kind == "function"
    whole = finished and bool(name) and (bool(id) or not needs_id)
    if whole and is_function and has_no_arguments(text):
        text = "{}"
    return Call(
        id=id,
        name=name,
        arguments=text,
        complete=whole and (not is_function or parses(text)),
        choice=choice,
        kind=kind,
    )


def has_no_arguments(text: str) -> bool:
    """Return whether *text* is what some servers send for a call without arguments."""
    return text.strip() in ("", "null")


def parses(text: str) -> bool:
    """Return whether *text* is JSON."""
    try:
        bounded_json.loads_strictly(text)
    except (ValueError, RecursionError):
        return False
    return True
