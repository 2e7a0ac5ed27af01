"""The time limits of an exchange: when each begins, what it counts, and which runs out first."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from clocks import Now

from openai_scan import ConnectTimeoutError, StreamTimeoutError, Timeout
from openai_scan.transport.clock import Clock

NO_LIMITS = Timeout(connect=None, first_byte=None, idle=None, event_idle=None)
TWENTY_DAYS = 20 * 24 * 3600


def begun(timeout: Timeout) -> Clock:
    """Return the clock of an exchange that looks for a connection."""
    clock = Clock(timeout)
    clock.start()
    return clock


def sent(timeout: Timeout) -> Clock:
    """Return the clock of an exchange that waits for the response headers."""
    clock = begun(timeout)
    clock.connected()
    return clock


def answered(timeout: Timeout) -> Clock:
    """Return the clock of an exchange that reads the body."""
    clock = sent(timeout)
    clock.answered()
    return clock


def test_a_clock_that_was_not_started_has_no_limit() -> None:
    """It knows of nothing that could be waited for."""
    clock = Clock(Timeout())
    assert (clock.left(), clock.limit, clock.deadline) == (TWENTY_DAYS, None, None)
    assert (clock.connecting, clock.answering) == (False, False)


@pytest.mark.parametrize("phase", [begun, sent, answered])
def test_without_limits_a_wait_is_as_long_as_the_system_can_count(
    phase: Callable[[Timeout], Clock],
) -> None:
    """A wait without any limit at all could not be given to `poll()`."""
    clock = phase(NO_LIMITS)
    assert (clock.left(), clock.limit, clock.deadline) == (TWENTY_DAYS, None, None)


def test_each_phase_has_its_own_limit(now: Now) -> None:
    """It is counted from the moment when the phase began; that of the phase before is over."""
    clock = begun(Timeout(connect=1, first_byte=2, idle=3, event_idle=4))
    assert (clock.connecting, clock.answering) == (True, False)
    now.seconds += 0.25
    assert (clock.left(), clock.limit) == (0.75, "connect")
    clock.connected()
    assert (clock.connecting, clock.answering) == (False, False)
    now.seconds += 0.25
    assert (clock.left(), clock.limit) == (1.75, "first_byte")
    clock.answered()
    now.seconds += 0.25
    assert (clock.left(), clock.limit) == (3, "idle")  # counted again for each wait
    now.seconds += 3
    assert (clock.left(), clock.limit) == (0.75, "event_idle")


def test_a_request_that_is_sent_again_restarts_its_timeouts(now: Now) -> None:
    """Only `total` continues: a connection that turned out to be stale takes a part of it."""
    clock = sent(Timeout(connect=1, first_byte=2, total=10))
    clock.answering = True
    now.seconds += 1.5
    clock.start()
    assert (clock.connecting, clock.answering) == (True, False)
    assert (clock.left(), clock.limit) == (1, "connect")
    now.seconds += 0.75
    clock.connected()
    assert (clock.left(), clock.limit) == (2, "first_byte")
    assert clock.deadline == 1010


def test_a_later_attempt_has_what_is_left_of_the_total(now: Now) -> None:
    """It is one limit for all attempts."""
    clock = Clock(Timeout(total=10), deadline=1003)
    clock.start()
    now.seconds += 1
    assert (clock.left(), clock.limit, clock.deadline) == (2, "total", 1003)


def test_an_event_starts_the_silence_again(now: Now) -> None:
    """The reader's own time is not counted; the other limits continue."""
    clock = answered(Timeout(event_idle=5, total=20))
    now.seconds += 4
    assert clock.left() == 1
    clock.heard()
    assert (clock.left(), clock.limit) == (5, "event_idle")
    now.seconds += 7
    clock.spare(7)
    assert (clock.left(), clock.limit) == (5, "event_idle")
    now.seconds += 5
    clock.heard()
    assert (clock.left(), clock.limit) == (4, "total")


def test_what_follows_the_answer_has_its_own_time(now: Now) -> None:
    """No event has to come any more, and the reader's own time is not counted either."""
    clock = answered(Timeout(event_idle=5))
    clock.end_in(8)
    now.seconds += 6
    assert (clock.left(), clock.limit) == (2, "grace")
    clock.spare(1)
    assert (clock.left(), clock.limit) == (3, "grace")
    clock.end_in(7)
    clock.heard()  # the end itself
    assert (clock.left(), clock.limit) == (7, "grace")


def test_that_time_can_be_lifted(now: Now) -> None:
    """`end_in(None)` lifts the limit, and `event_idle` counts again."""
    clock = answered(Timeout(event_idle=5))
    clock.end_in(1)
    now.seconds += 2
    clock.end_in(None)
    assert (clock.left(), clock.limit) == (5, "event_idle")


def test_the_limit_that_runs_out_first_counts(now: Now) -> None:
    """The earliest limit counts, whether it began at a moment or begins with each wait."""
    clock = answered(Timeout(idle=3, event_idle=2, total=4))
    assert (clock.left(), clock.limit) == (2, "event_idle")
    clock = answered(Timeout(idle=1, event_idle=2, total=4))
    assert (clock.left(), clock.limit) == (1, "idle")
    now.seconds += 3.5
    clock.heard()
    assert (clock.left(), clock.limit) == (0.5, "total")


@pytest.mark.parametrize("late", [0, 1])
def test_a_limit_that_is_over_is_an_error(now: Now, late: float) -> None:
    """This holds at the very moment, too: a wait of no time at all would not be a wait."""
    clock = answered(Timeout(event_idle=5))
    now.seconds += 5 + late
    with pytest.raises(TimeoutError, match=r"^event_idle is over$"):
        clock.left()
    assert clock.limit == "event_idle"


@pytest.mark.parametrize(
    ("timeout", "phase", "limit", "message"),
    [
        (Timeout(connect=1.5), begun, "connect", "no connection to U within connect=1.5 s"),
        (Timeout(total=1), begun, "total", "no connection to U within total=1 s"),
        (Timeout(first_byte=2), sent, "first_byte", "no answer from U within first_byte=2 s"),
        (Timeout(idle=3), answered, "idle", "no data arrived for idle=3 s"),
        (Timeout(event_idle=4), answered, "event_idle", "no event arrived for event_idle=4 s"),
        (Timeout(total=5), answered, "total", "the answer took longer than total=5 s"),
    ],
)
def test_an_error_says_which_limit_it_was(
    timeout: Timeout, phase: Callable[[Timeout], Clock], limit: str, message: str
) -> None:
    """The message has the name of the limit and its seconds."""
    clock = phase(timeout)
    clock.left()
    error = clock.overdue("U")
    assert type(error) is (ConnectTimeoutError if phase is begun else StreamTimeoutError)
    assert (str(error), error.limit) == (message, limit)


def test_the_time_for_what_follows_is_not_a_limit_of_the_caller() -> None:
    """If the grace period expires, the error names no limit."""
    clock = answered(Timeout())
    clock.end_in(1)
    clock.left()
    error = clock.overdue("U")
    assert type(error) is StreamTimeoutError
    assert str(error) == "the server kept the connection open after the answer"
    assert error.limit is None
