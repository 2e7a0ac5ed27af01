"""Watch streams from outside, without getting in their reader's way."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from openai_scan.errors import ScanError
    from openai_scan.events import Event, Outcome
    from openai_scan.values import Answer


class Watched(Protocol):
    """What an observer can read from the stream it watches, blocking or asynchronous."""

    @property
    def source(self) -> Any:
        """The source of the events; with chained streams, that of the current one."""

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
        """What was tolerated, with counts."""

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

    For each answer there is one `began()`, then its events, then one `ended()`; a chain of streams
    has several answers. `observe()` of a streamer makes an observer watch that stream, `observers=`
    of a client all of its streams. The reader waits while a method runs. If a method raises an
    exception, the `next()` or `close()` that called it raises that exception.
    """

    def began(self, stream: Watched) -> None:
        """The answer is about to be requested."""

    def event(self, stream: Watched, event: Event) -> None:
        """The reader is about to receive *event*."""

    def renewed(self, stream: Watched, error: ScanError) -> None:
        """The answer, or the rest of it, is about to be requested again because of *error*."""

    def ended(self, stream: Watched, outcome: Outcome, error: ScanError | None) -> None:
        """The answer has ended with *outcome* and *error*."""


class Observers:
    """The observers of one stream, each of which is notified of every beginning and its end.

    Attributes:
        all: The observers, in the order in which they are notified.
    """

    def __init__(self) -> None:
        self.all: tuple[Observer, ...] = ()
        self._answering = False  # an answer has begun but not ended

    def add(self, observer: Observer, stream: Watched) -> None:
        """Notify *observer* from now on; if an answer has begun, also of that."""
        self.all += (observer,)
        if self._answering:
            observer.began(stream)

    def began(self, stream: Watched) -> None:
        """Notify the observers that an answer begins."""
        self._answering = True
        for observer in self.all:
            observer.began(stream)

    def renewed(self, stream: Watched, error: ScanError) -> None:
        """Notify the observers of another request for the same answer."""
        for observer in self.all:
            observer.renewed(stream, error)

    def ended(self, stream: Watched, outcome: Outcome, error: ScanError | None) -> None:
        """Notify the observers of the end of an answer, unless that has already happened."""
        if self._answering:
            self._answering = False
            for observer in self.all:
                observer.ended(stream, outcome, error)
