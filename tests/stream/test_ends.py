"""How a stream ended: the verdict, row by row."""

from __future__ import annotations

import pytest

from openai_scan import (
    APIError,
    DecodeError,
    DoneEvent,
    ErrorEvent,
    Event,
    EventTooLargeError,
    ScanError,
    StreamCancelledError,
    StreamTimeoutError,
    TransportError,
    TruncatedStreamError,
    UnknownEvent,
)
from openai_scan.events import Error, Outcome, StreamPart
from openai_scan.sse import RawEvent
from openai_scan.stream.ends import Ends

pytestmark = pytest.mark.unmeasured

RAW = RawEvent("message", "{}")
DONE = DoneEvent(raw=RAW)
OTHER = UnknownEvent(raw=RAW)
FAILURE = ErrorEvent(Error(message="no"), raw=RAW)
SECOND_FAILURE = ErrorEvent(Error(message="no again"), raw=RAW)


class Part(Event):
    """An event that shows one part of the stream, as those of a family do."""

    ends_with_done = True

    def __init__(self, *parts: StreamPart) -> None:
        super().__init__(raw=RAW)
        object.__setattr__(self, "parts", parts)

    def stream_parts(self) -> tuple[StreamPart, ...]:
        """Return the parts that the test asked for."""
        return self.parts  # type: ignore[attr-defined, no-any-return] # set in __init__


def part(name: int | str, outcome: Outcome | None = None) -> Event:
    """Return an event that shows the part *name* under way, or ended with *outcome*."""
    return Part((name, outcome))


def ends_of(*events: Event) -> Ends:
    """Return the ends after *events*."""
    ends = Ends()
    for event in events:
        ends.take(event)
    return ends


CANCELLED = StreamCancelledError("cancelled")
BROKEN = TransportError("reset")
LATE = StreamTimeoutError("late")
TOO_LARGE = EventTooLargeError("large")
MISFIT = DecodeError("misfit")

# If the input has no error: the events, then the outcome.
CLEAN: dict[str, tuple[list[Event], Outcome]] = {
    "nothing": ([], "truncated"),
    "only unknown": ([OTHER], "truncated"),
    "done": ([DONE], "completed"),
    "open": ([part(1)], "truncated"),
    "ended": ([part(1), part(1, "completed")], "completed"),
    "ended, never seen open": ([part(1, "completed")], "completed"),
    "ended and done": ([part(1), part(1, "completed"), DONE], "completed"),
    "open and done": ([part(1), DONE], "completed"),
    "ended twice": ([part(1), part(1, "completed"), part(1, "completed")], "completed"),
    "ended, then open again": ([part(1, "completed"), part(1)], "truncated"),
    "open twice": ([part(1), part(1), part(1, "completed")], "completed"),
    "a later outcome counts": ([part(1, "requires_action"), part(1, "completed")], "completed"),
    "incomplete": ([part(1, "incomplete")], "incomplete"),
    "requires action": ([part(1, "requires_action")], "requires_action"),
    "cancelled": ([part(1, "cancelled")], "cancelled"),
    "one of two": ([part(1), part(2), part(2, "completed")], "truncated"),
    "two of two": ([part(1), part(2), part(2, "completed"), part(1, "completed")], "completed"),
    "two at once": ([Part((1, "completed"), (2, None))], "truncated"),
    "two at once, both ended": ([Part((1, "completed"), (2, "incomplete"))], "incomplete"),
    "completed < requires action": (
        [part(1, "requires_action"), part(2, "completed")],
        "requires_action",
    ),
    "requires action < incomplete": (
        [part(1, "incomplete"), part(2, "requires_action")],
        "incomplete",
    ),
    "incomplete < cancelled": ([part(1, "cancelled"), part(2, "incomplete")], "cancelled"),
    "one of two and done": ([part(1), part(2, "incomplete"), DONE], "incomplete"),
}


@pytest.mark.parametrize("row", CLEAN)
def test_clean_end(row: str) -> None:
    """Input that just ends is judged by what its events said; only truncation is an error."""
    events, outcome = CLEAN[row]
    verdict, error = ends_of(*events).verdict(None, cut=False, require_terminal=True)
    assert verdict == outcome
    if outcome == "truncated":
        assert type(error) is TruncatedStreamError
        assert str(error) == "the stream ended before the answer did"
    else:
        assert error is None


@pytest.mark.parametrize("row", CLEAN)
def test_clean_end_without_a_terminal_event(row: str) -> None:
    """Without *require_terminal* nothing is truncated, and the parts that ended decide."""
    events, outcome = CLEAN[row]
    expected = "completed" if outcome == "truncated" else outcome
    verdict = ends_of(*events).verdict(None, cut=False, require_terminal=False)
    assert verdict == (expected, None)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (LATE, "timed_out"),
        (TruncatedStreamError("a recording that was cut off"), "truncated"),
        (BROKEN, "failed"),
        (TOO_LARGE, "failed"),
    ],
    ids=["late", "cut off", "broken", "too large"],
)
def test_an_error_of_the_input_is_the_end(error: ScanError, outcome: Outcome) -> None:
    """Its class decides the outcome if the answer was not whole."""
    verdict = ends_of(part(1)).verdict(error, cut=False, require_terminal=True)
    assert verdict == (outcome, error)


@pytest.mark.parametrize("require_terminal", [True, False])
@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([], "truncated"),
        ([part(1)], "truncated"),
        ([part(1, "completed")], "truncated"),
        ([DONE], "completed"),
        ([part(1, "incomplete"), DONE], "incomplete"),
        ([FAILURE], "failed"),
    ],
    ids=["nothing", "open", "ended", "done", "ended and done", "error"],
)
def test_end_in_the_middle_of_an_event(
    events: list[Event], outcome: Outcome, *, require_terminal: bool
) -> None:
    """Input cut inside an event is truncated, unless the server had said that it was done."""
    verdict, error = ends_of(*events).verdict(None, cut=True, require_terminal=require_terminal)
    assert verdict == outcome
    if outcome == "truncated":
        assert str(error) == "the stream ended in the middle of an event"


# The events, what the input ended with, the outcome, and the error that counts.
BAD: dict[str, tuple[list[Event], ScanError, Outcome, ScanError | None]] = {
    "broken at once": ([], BROKEN, "failed", BROKEN),
    "broken while open": ([part(1)], BROKEN, "failed", BROKEN),
    "broken after the end": ([part(1, "completed")], BROKEN, "completed", None),
    "broken after another end": ([part(1, "incomplete")], BROKEN, "incomplete", None),
    "broken after done": ([DONE], BROKEN, "completed", None),
    "late at once": ([], LATE, "timed_out", LATE),
    "late while open": ([part(1)], LATE, "timed_out", LATE),
    "late after the end": ([part(1, "completed")], LATE, "completed", None),
    "too large": ([part(1)], TOO_LARGE, "failed", TOO_LARGE),
    "too large after the end": ([part(1, "completed")], TOO_LARGE, "failed", TOO_LARGE),
    "misfit": ([part(1)], MISFIT, "failed", MISFIT),
    "misfit after the end": ([part(1, "completed")], MISFIT, "failed", MISFIT),
    "cancelled": ([part(1)], CANCELLED, "cancelled", CANCELLED),
    "cancelled after the end": ([part(1, "completed")], CANCELLED, "cancelled", CANCELLED),
    "cancelled after an error": ([FAILURE], CANCELLED, "cancelled", CANCELLED),
}


@pytest.mark.parametrize("require_terminal", [True, False])
@pytest.mark.parametrize("row", BAD)
def test_end_with_an_error(row: str, *, require_terminal: bool) -> None:
    """An error of the input counts, unless the network broke when the answer was whole."""
    events, input_error, outcome, error = BAD[row]
    verdict = ends_of(*events).verdict(input_error, cut=False, require_terminal=require_terminal)
    assert verdict == (outcome, error)


@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("input_error", [None, BROKEN, LATE, TOO_LARGE, MISFIT], ids=repr)
@pytest.mark.parametrize(
    "events",
    [
        [FAILURE],
        [FAILURE, DONE],
        [FAILURE, SECOND_FAILURE],
        [part(1), FAILURE],
        [part(1, "completed"), FAILURE],
        [FAILURE, part(1, "completed"), DONE],
    ],
    ids=["alone", "done", "second", "open", "ended before", "ended after"],
)
def test_error_event_came_first(
    events: list[Event], input_error: ScanError | None, *, cut: bool
) -> None:
    """The first error that an event reported counts, whatever comes after it."""
    verdict, error = ends_of(*events).verdict(input_error, cut=cut, require_terminal=True)
    assert verdict == "failed"
    assert isinstance(error, APIError)
    assert error.message == "no"


@pytest.mark.parametrize(
    ("events", "terminal"),
    [
        ([], False),
        ([OTHER], False),
        ([part(1)], False),
        ([part(1, "completed")], True),
        ([part(1, "completed"), part(2)], False),
        ([part(1, "completed"), part(2), part(2, "incomplete")], True),
        ([part(1, "completed"), part(1)], False),
        ([DONE], True),
        ([part(1), DONE], True),
        ([part(1), FAILURE], True),
    ],
)
def test_terminal(events: list[Event], *, terminal: bool) -> None:
    """A stream has shown its end when all its parts have ended, or it is done, or failed."""
    assert ends_of(*events).terminal is terminal


@pytest.mark.parametrize(
    ("events", "done", "missing"),
    [
        ([], False, False),
        ([OTHER], False, False),
        ([part(1, "completed")], False, True),
        ([part(1, "completed"), DONE], True, False),
        ([DONE, part(1)], True, False),
    ],
)
def test_missing_done(events: list[Event], *, done: bool, missing: bool) -> None:
    """Only a family that ends with `[DONE]` can lack it."""
    assert ends_of(*events).done is done
    assert ends_of(*events).missing_done is missing


@pytest.mark.parametrize(
    ("before", "event", "is_news"),
    [
        ([], OTHER, False),
        ([], DONE, False),
        ([], FAILURE, False),
        ([], part(1), True),
        ([], part(1, "completed"), True),
        ([part(1)], part(1), False),
        ([part(1)], part(1, "completed"), True),
        ([part(1, "completed")], part(1), False),
        ([part(1, "completed")], part(1, "completed"), False),
        ([part(1, "completed")], part(1, "incomplete"), False),
        ([part(1, "completed")], part(2, "completed"), True),
        ([part(1), part(2)], Part((1, "completed"), (2, None)), True),
        ([part(1, "completed")], Part((2, "completed"), (1, "incomplete")), True),
        ([part(1), part(2, "completed")], Part((1, "completed"), (2, "incomplete")), True),
    ],
    ids=[
        *("unknown", "done", "an error", "a new part", "a new part that has ended"),
        *("open again", "ended", "begins again", "ended again", "ended otherwise"),
        *("another has ended", "one of two", "a new one of two", "an end of two"),
    ],
)
def test_what_is_news(before: list[Event], event: Event, *, is_news: bool) -> None:
    """A new part is news, and so is the end of one; what is known is not."""
    assert bool(ends_of(*before).take(event)) is is_news


def test_a_resumed_answer_is_judged_by_its_rest() -> None:
    """An earlier error or `[DONE]` does not count; the parts stay open until they end."""
    for last in (FAILURE, DONE):
        ends = ends_of(part(1), last)
        ends.resume()
        assert (ends.terminal, ends.done, ends.error, ends.resumed) == (False, False, None, True)
        assert ends.verdict(None, cut=False, require_terminal=True)[0] == "truncated"
        ends.take(part(1, "completed"))
        assert ends.verdict(None, cut=False, require_terminal=True) == ("completed", None)


def test_done_does_not_end_a_resumed_answer_that_is_under_way() -> None:
    """It says that nothing more comes for the moment; a whole answer it does end."""
    ends = ends_of(part(1))
    ends.resume()
    ends.take(DONE)
    assert (ends.done, ends.terminal) == (True, False)
    ends.take(part(1, "completed"))
    assert ends.terminal
    assert not Ends().resumed


def test_verdict_changes_nothing() -> None:
    """A verdict can be asked for at any time, and events may follow it."""
    ends = ends_of(part(1))
    assert ends.verdict(None, cut=False, require_terminal=True)[0] == "truncated"
    ends.take(part(1, "completed"))
    assert ends.verdict(None, cut=False, require_terminal=True) == ("completed", None)
