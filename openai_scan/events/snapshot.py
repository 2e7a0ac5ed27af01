"""Whole answers from their pieces: what the folds of all families have in common.

A family's `snapshot.py` has its fold, which takes in the family's events one by one, and the
value that the fold gives. The value is frozen: a later event does not change an earlier snapshot.
"""

from __future__ import annotations

import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from attrs import frozen

from openai_scan.events.values import Value
from openai_scan.sse import utf8

if TYPE_CHECKING:
    from openai_scan.events.base import Event

Note: TypeAlias = Callable[[str], None]
"""Counts one thing that was tolerated."""

Append: TypeAlias = Callable[[str], object]
"""Takes in a piece of text."""


@frozen(slots=False, kw_only=True, eq=False, repr=False)
class Call(Value):
    """One call of a function of yours, as far as it is known.

    Attributes:
        id: What the output of the function is to be sent with.
        name: The function's name.
        arguments: The arguments as JSON text; the beginning of it while it is under way.
        complete: Whether the server has finished the call, and the arguments parse as JSON.
            A call that is not complete must not be answered.
        choice: Which of several answers has it.
    """

    id: str
    name: str
    arguments: str
    complete: bool
    choice: int = 0

    def parsed(self) -> Any:
        """Return the arguments as a Python value.

        Raises:
            ValueError: The call is not complete.
        """
        if not self.complete:
            raise ValueError(f"the call of {self.name!r} is not complete")
        return json.loads(self.arguments)


class Answer(Protocol):
    """An answer as far as it is known, of any family."""

    @property
    def text(self) -> str:
        """The answer's text, without reasoning and refusal; of several choices, number 0's."""
        ...

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of your functions, those of all choices, in order."""
        ...

    @property
    def usage(self) -> Any | None:
        """The last count of tokens that the server has sent, or None."""
        ...


class WithoutCalls:
    """The beginning of an answer of an API that does not call functions."""

    __slots__ = ()

    @property
    def calls(self) -> tuple[Call, ...]:
        """None: this API does not call functions."""
        return ()


class WithoutText(WithoutCalls):
    """The beginning of an answer that has no text either: it is for ears or eyes."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """Empty: the text is what was asked for."""
        return ""


class Fold(ABC):
    """What a family has put together from its events so far.

    Taking in an event costs the same at the start of a stream and after a million events; the
    pieces are joined when somebody asks for the `value()`.

    Attributes:
        over: Whether the stream has ended and another of the same chain goes on. A new answer
            starts with the next event then, in families whose answers are one stream each.
        done: Whether the server has said `[DONE]`.
    """

    family: ClassVar[str]
    over: bool = False
    done: bool = False

    @abstractmethod
    def take(self, event: Event, note: Note) -> None:
        """Take in an event of the family; *note* counts what had to be mended."""

    @abstractmethod
    def value(self) -> Answer:
        """Return the answer as far as it is known."""

    def appender(self, event: Event) -> Append | None:  # noqa: ARG002 - for those that have one
        """Return what takes in the text of events that differ from *event* in nothing else.

        Args:
            event: What has been taken in last.

        Returns:
            None if such an event is to be taken in as any other.
        """
        return None

    def resumable_id(self) -> str | None:
        """The server's name for the answer if its stream can be taken up again, or None."""
        return None


class Pieces:
    """Text that comes in pieces, joined when it is asked for."""

    __slots__ = ("_buffer", "_length", "_text", "add")

    def __init__(self, text: str = "") -> None:
        # It keeps the pieces as they are until it is read, and then as one: a million deltas do
        # not stay a million objects.
        self._buffer = io.StringIO()
        self.add = self._buffer.write
        self.add(text)
        self._length = 0  # of what has been joined
        self._text = ""

    def __str__(self) -> str:
        """Return the text so far; half a character at its end waits for its other half."""
        length = self._buffer.tell()
        if length != self._length:
            self._length = length
            text = self._buffer.getvalue()
            self._text = mend(text[:-1] if "\ud800" <= text[-1:] <= "\udbff" else text)
        return self._text


def mend(text: str) -> str:
    """Return *text* with halves of surrogate pairs joined, fit to be encoded."""
    return text if text.isascii() else utf8(text).decode()


def parses(text: str) -> bool:
    """Tell whether *text* is JSON."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
