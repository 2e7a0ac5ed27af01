"""Judge how a stream ended: the one place where an outcome is decided.

The rules are those of docs/explanation/ends.md. In short: every event may show *parts* of the
stream as running or ended, report an *error*, or say that *nothing more comes*. The stream is
`terminal` once one of the last two has happened, or all parts seen so far have ended. `verdict()`
weighs that against how the input ended.
"""

from __future__ import annotations

from collections.abc import Hashable

from openai_scan.errors import (
    APIError,
    DecodeError,
    ScanError,
    StreamCancelledError,
    StreamTimeoutError,
    TransportError,
    TruncatedStreamError,
)
from openai_scan.events.base import DoneEvent, Event, Outcome

# How long to wait after a terminal event for what may follow on an open connection, such as usage.
GRACE_SECONDS = 2.0

# If parts ended differently, the outcome furthest to the right is the stream's.
_RANKS: tuple[Outcome, ...] = ("completed", "requires_action", "incomplete", "cancelled", "failed")

# The outcomes of a part that does not continue.
_OVER = frozenset(_RANKS) - {"requires_action"}

_UNKNOWN = object()


class Ends:
    """What the events of one stream have said about its end so far."""

    done: bool = False
    """Whether the server has said that nothing more comes."""

    error: APIError | None = None
    """The first error that an event reported, or the first with a message if there is one."""

    reported: APIError | None = None
    """The last of the errors that end the stream only if it shows no other end."""

    hole: DecodeError | None = None
    """Why part of the answer is missing; the first reason if there are several."""

    terminal: bool = False
    """Whether the stream has shown its end: the answer is whole, or it failed."""

    lost_end: bool = False
    """Whether the stream is idle although a part of it has not ended: its end was not sent."""

    resumed: bool = False
    """Whether the stream continues an answer whose first stream broke off."""

    def __init__(self) -> None:
        self._parts: dict[Hashable, Outcome | None] = {}
        self._open = 0  # how many of the parts have not ended
        self._has_done = False  # the stream's family ends with [DONE]

    def take(self, event: Event) -> bool:
        """Register *event*; return whether it shows a new part, or the end of one."""
        is_news = False
        for part, outcome in event.stream_parts():
            known = self._parts.get(part, _UNKNOWN)
            if outcome == known:  # as for most events
                continue
            if outcome is None and known in _OVER and not event.stream_begins():
                continue
            is_news = is_news or known is None or known is _UNKNOWN
            self._open += (outcome is None) - (known is None)
            self._parts[part] = outcome
        error = event.stream_error()
        if error is not None and not event.error_is_final():
            self.reported, error = error, None
        # An error with a message replaces one without.
        if error is not None and (
            self.error is None or (error.is_explained and not self.error.is_explained)
        ):
            self.error = error
        if event.ends_with_done:
            self._has_done = True
        if not event.family and isinstance(event, DoneEvent):
            self.done = True
        elif event.of_session and self._parts and event.stream_rests():
            # Before the first part, the stream is idle because it waits for one.
            self.done, self.lost_end = True, bool(self._open)
        # After a resumed answer, [DONE] may only mean that there is no more for the moment.
        done = self.done and (self.lost_end or not (self.resumed and self._open))
        self.terminal = done or self.error is not None or (not self._open and bool(self._parts))
        return is_news

    def leave_hole(self, reason: DecodeError) -> bool:
        """Note that part of the answer is missing; return whether that matters.

        After the stream has shown its end, the answer is whole, whatever comes then.
        """
        if self.terminal:
            return False
        self.hole = self.hole or reason
        return True

    def resume(self) -> None:
        """Expect the rest of the same answer from another source, and judge the answer by that."""
        self.resumed = True
        self.done = self.terminal = self.lost_end = False
        self.error = self.reported = None

    @property
    def any_part_ended(self) -> bool:
        """Whether a part of the stream has reported its end."""
        return self._open < len(self._parts)

    @property
    def whole(self) -> bool:
        """Whether every part of the answer that has begun has ended."""
        return bool(self._parts) and not self._open

    @property
    def missing_done(self) -> bool:
        """Whether the stream should have had a `[DONE]` and had none."""
        return self._has_done and not self.done

    def _failure(self) -> APIError | None:
        """Return the reported error that the stream ends with, or None."""
        error, reported = self.error, self.reported
        if error is not None:
            # A failure without a message gets that of the error that announced it.
            explains = not error.is_explained and reported is not None and reported.is_explained
            return reported if explains else error
        return None if self.terminal and not self.lost_end else reported

    def verdict(
        self, error: ScanError | None, *, cut: bool, require_terminal: bool
    ) -> tuple[Outcome, ScanError | None]:
        """Return how the stream ended, and with which error, if it ends now.

        Args:
            error: The error that the input ended with, or None.
            cut: Whether the input ended in the middle of an event.
            require_terminal: Whether the end of the input alone does not count as an end.
        """
        if isinstance(error, StreamCancelledError):
            return "cancelled", error
        reported = self._failure()
        if reported is not None:  # reported before the input ended
            return "failed", reported
        if error is not None:
            # A connection that breaks after the whole answer does no harm.
            if not (self.terminal and isinstance(error, TransportError)):
                return _outcome_of(error), error
        elif (cut and not self.done) or (require_terminal and not self.terminal):
            return "truncated", TruncatedStreamError(
                "the stream ended in the middle of an event"
                if cut
                else "the stream ended before the answer did"
            )
        elif self.lost_end:
            return "truncated", TruncatedStreamError(
                "the answer is over, but the stream did not show how it ended"
            )
        if self.hole is not None:
            return "failed", self.hole
        ended = [outcome for outcome in self._parts.values() if outcome is not None]
        return max(ended, key=_RANKS.index, default="completed"), None


def _outcome_of(error: ScanError) -> Outcome:
    """Return the outcome of a stream whose input ended with *error*."""
    match error:
        case StreamTimeoutError():
            return "timed_out"
        case TruncatedStreamError():  # from a recording that was cut off
            return "truncated"
        case _:
            return "failed"
