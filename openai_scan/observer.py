"""Watch streams from outside, without getting in their reader's way."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from openai_scan.errors import ScanError
    from openai_scan.events import Event, Outcome
    from openai_scan.values import Answer


class Watched(Protocol):
    """What an observer can ask the stream that it watches, blocking or asynchronous."""

    @property
    def source(self) -> Any:
        """Where the events come from; with chained streams, those of the current one."""

    @property
    def outcome(self) -> Outcome | None:
        """How the stream ended, or None while it runs."""

    @property
    def events_read(self) -> int:
        """How many events the reader has stepped to."""

    @property
    def bytes_read(self) -> int:
        """How many bytes have been read."""

    @property
    def notes(self) -> Counter[str]:
        """What was tolerated, counted."""

    @property
    def stats(self) -> Any:
        """How fast the stream is, how large it is and what it costs: a `Stats`."""

    def event(self) -> Any:
        """Return the current event, of the classes that the stream has."""

    def text(self, choice: int = 0) -> str | None:
        """Return the text that the current event adds to choice 0, or to another one."""

    def snapshot(self) -> Answer | None:
        """Return the answer so far, or None before its first event."""


class Observer:
    """Is notified of what happens in a stream; override the methods that you need.

    An answer is one `began()`, its events, and one `ended()`; a chain of streams has several
    answers. `observe()` of a streamer makes an observer watch that stream, `observers=` of a
    client all of its streams. The reader waits while a method runs, and an exception that a method
    raises leaves the `next()` or `close()` that called it.
    """

    def began(self, stream: Watched) -> None:
        """The answer is about to be requested."""

    def event(self, stream: Watched, event: Event) -> None:
        """The reader is about to get *event*."""

    def renewed(self, stream: Watched, error: ScanError) -> None:
        """After *error* the answer, or the rest of it, is about to be requested again."""

    def ended(self, stream: Watched, outcome: Outcome, error: ScanError | None) -> None:
        """The answer has ended with *outcome* and *error*."""


class Observers:
    """The observers of one stream, each of which is told of every beginning and of its end.

    Attributes:
        all: The observers, in the order in which they are told.
    """

    def __init__(self) -> None:
        self.all: tuple[Observer, ...] = ()
        self._answering = False  # an answer has begun and not ended

    def add(self, observer: Observer, stream: Watched) -> None:
        """Tell *observer* from now on, and of an answer that is under way."""
        self.all += (observer,)
        if self._answering:
            observer.began(stream)

    def began(self, stream: Watched) -> None:
        """Tell of the beginning of an answer."""
        self._answering = True
        for observer in self.all:
            observer.began(stream)

    def renewed(self, stream: Watched, error: ScanError) -> None:
        """Tell of another request for the same answer."""
        for observer in self.all:
            observer.renewed(stream, error)

    def ended(self, stream: Watched, outcome: Outcome, error: ScanError | None) -> None:
        """Tell of the end of an answer, unless that has been told."""
        if self._answering:
            self._answering = False
            for observer in self.all:
                observer.ended(stream, outcome, error)
