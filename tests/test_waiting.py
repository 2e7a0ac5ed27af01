"""Waits use long slices where the system wakes the waiting thread, and short ones elsewhere."""

from __future__ import annotations

import errno
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from clocks import Now
from server import PATIENCE

from openai_scan import waiting


class Sock:
    """A socket that only knows its timeouts."""

    def __init__(self) -> None:
        self.timeouts: list[float] = []

    def settimeout(self, seconds: float) -> None:
        """Note the timeout."""
        self.timeouts.append(seconds)


class Waits:
    """Replaces an event or a condition: the time of a wait passes at once, and it may happen.

    Attributes:
        asked: The time limit of each wait, in seconds.
    """

    def __init__(self, now: Now, happens_at: float = math.inf) -> None:
        self.asked: list[float | None] = []
        self._now, self._happens_at = now, happens_at

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for what happens or for all of the time."""
        self.asked.append(seconds)
        left = math.inf if seconds is None else seconds
        self._now.seconds = min(self._now.seconds + left, max(self._now.seconds, self._happens_at))
        return self._now.seconds >= self._happens_at

    def wait_for(self, happened: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait for what happens or for all of the time, as `wait()` does."""
        return self.wait(seconds) or happened()


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make slices short."""
    monkeypatch.setattr(waiting, "sliced", True)


def waited(how: str, waits: Any, seconds: float | None) -> bool:
    """Wait for the replacement of an event or a condition."""
    if how == "event":
        return waiting.wait(waits, seconds)
    return waiting.wait_for(waits, lambda: False, seconds)


@pytest.mark.parametrize("how", ["event", "condition"])
class TestEvents:
    """Events and conditions."""

    def test_a_signal_before_a_wait_is_noticed_soon(self, how: str, now: Now) -> None:
        """It only sets a flag, so no wait takes long, not even one without a limit."""
        waits = Waits(now)
        assert waited(how, waits, 2.5) is False
        assert waits.asked == [1.0, 1.0, 0.5]
        for seconds in (math.inf, None):
            waits = Waits(now, happens_at=now.seconds + 5)
            assert waited(how, waits, seconds) is True
            assert waits.asked == [1.0] * 5

    def test_a_wait_ends_in_slices(self, how: str, now: Now, cut: None) -> None:
        """No wait is longer than a slice, and all together are no longer than the limit."""
        waits = Waits(now)
        assert waited(how, waits, 0.5) is False
        assert waits.asked == pytest.approx([0.2, 0.2, 0.1])
        assert now.seconds == pytest.approx(1000.5)

    def test_what_has_happened_ends_it(self, how: str, now: Now, cut: None) -> None:
        """The wait ends in any slice, also in one of many without a limit."""
        for seconds, happens_at, slices in ((0.5, 0.3, 2), (0.5, 0.45, 3), (None, 1.1, 6)):
            waits = Waits(now, happens_at=now.seconds + happens_at)
            assert waited(how, waits, seconds) is True
            assert len(waits.asked) == slices

    def test_no_time_is_enough_to_look(self, how: str, now: Now, cut: None) -> None:
        """A wait of 0 seconds still sees what has already happened."""
        assert waited(how, Waits(now, happens_at=0), 0) is True
        assert waited(how, Waits(now), 0) is False


def test_a_real_event_wakes(cut: None) -> None:
    """Another thread ends the wait, in the middle of a slice or between two."""
    event = threading.Event()
    thread = threading.Thread(target=event.set)
    thread.start()
    assert waiting.wait(event, PATIENCE)
    thread.join(PATIENCE)


def test_in_a_web_page_a_wait_sleeps(now: Now, cut: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page stays alive during a sleep, and may set the event, which ends the sleep."""
    event = threading.Event()
    asked: list[float] = []

    def sleep(seconds: float) -> None:
        asked.append(seconds)
        now.seconds += seconds
        if len(asked) == 4:
            event.set()

    monkeypatch.setattr(waiting, "sleeps", True)
    monkeypatch.setattr(time, "sleep", sleep)
    assert waiting.wait(event, 0.3) is False
    assert waiting.wait(event, 0.9) is True
    assert waiting.wait(event, 0.9) is True
    assert asked == pytest.approx([0.2, 0.1, 0.2, 0.2])


def test_a_slice_of_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice is long where the system wakes the waiting thread, and short elsewhere."""
    assert (waiting.slice_of(None), waiting.slice_of(600), waiting.slice_of(0.1)) == (1.0, 1.0, 0.1)
    monkeypatch.setattr(waiting, "sliced", True)
    assert (waiting.slice_of(None), waiting.slice_of(600), waiting.slice_of(0.1)) == (0.2, 0.2, 0.1)


class TestSockets:
    """A call on a socket is repeated until its time is up."""

    @staticmethod
    def late(now: Now, *steps: Any) -> Callable[[], Any]:
        """Return a call that times out, raises or returns; a number says when it times out."""
        left: Iterator[Any] = iter(steps)

        def step() -> Any:
            match next(left):
                case float(seconds):
                    now.seconds += seconds
                    raise TimeoutError("timed out")
                case Exception() as error:
                    raise error
                case value:
                    return value

        return step

    @pytest.fixture(autouse=True)
    def _cut(self, cut: None) -> None:
        """Make slices short."""

    def test_it_returns_what_came(self, now: Now) -> None:
        """Data in any slice is returned."""
        sock, checks = Sock(), [0]
        step = self.late(now, 0.2, 0.2, b"a")
        found = waiting.in_slices(step, sock.settimeout, 0.5, lambda: checks.append(1))
        assert (found, len(checks)) == (b"a", 3)
        assert sock.timeouts == pytest.approx([0.2, 0.2, 0.1])

    def test_it_ends_with_the_time(self, now: Now) -> None:
        """The timeout is the one that a call without slices would raise."""
        sock = Sock()
        with pytest.raises(TimeoutError, match=r"^timed out$"):
            waiting.in_slices(self.late(now, 0.2, 0.2, 0.1), sock.settimeout, 0.5, lambda: None)
        assert len(sock.timeouts) == 3

    def test_it_ends_when_there_is_no_reason_to_continue(self, now: Now) -> None:
        """The check between two slices can end the wait."""

        def check() -> None:
            raise OSError("cancelled")

        with pytest.raises(OSError, match=r"^cancelled$"):
            waiting.in_slices(self.late(now, 0.2), Sock().settimeout, 600, check)

    @pytest.mark.parametrize(
        "error",
        [
            TimeoutError(errno.ETIMEDOUT, "gone"),
            ConnectionResetError(errno.ECONNRESET, ""),
            TimeoutError("gevent's, at once"),
        ],
    )
    def test_no_other_error_ends_a_slice(self, now: Now, error: OSError) -> None:
        """Only the end of a slice is retried: a lost peer, for example, does not come back."""
        with pytest.raises(type(error)) as caught:
            waiting.in_slices(self.late(now, error), Sock().settimeout, 600, lambda: None)
        assert caught.value is error

    def test_a_real_socket_is_read_after_a_slice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Bytes that arrive between two slices are read whole."""
        monkeypatch.setattr(waiting, "SLICE_SECONDS", 0.001)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            found = waiting.in_slices(
                lambda: ours.recv(9), ours.settimeout, PATIENCE, lambda: theirs.sendall(b"ab")
            )
        assert found == b"ab"
