"""The time limits of one exchange, without a thread: each wait is given no more than is left."""

from __future__ import annotations

import time
from typing import Literal, TypeAlias

from openai_scan.transport.settings import Timeout

Limit: TypeAlias = Literal["connect", "first_byte", "idle", "event_idle", "total", "grace"]
"""What can run out: a limit of `Timeout`, or the grace that a stream has after its end."""

# The system counts the milliseconds of a wait in 31 bits; 20 days are as good as for ever.
_FOREVER = 20 * 24 * 3600.0


# The limits that measure how long the server has said nothing while the reader was waiting.
_SILENCES: tuple[Limit, ...] = ("event_idle", "grace")


class Clock:
    """Says how long the next wait may be. It is told of each phase of the exchange.

    Args:
        timeout: The limits.
        deadline: When the total is over, in the time of `time.monotonic()`, if an earlier try of
            the same call has begun to count it.

    Attributes:
        limit: What runs out first, as of the last call of `left()`.
        connecting: Whether there is no connection yet, so that nothing was sent.
        answering: Whether something of the answer has come.
    """

    limit: Limit | None = None
    connecting: bool = False
    answering: bool = False

    def __init__(self, timeout: Timeout, deadline: float | None = None) -> None:
        self.timeout = timeout
        # Limits that are counted from a moment, and those that are counted anew for each wait.
        self._deadlines: dict[Limit, float] = {}
        self._allowances: dict[Limit, float] = {}
        if deadline is not None:
            self._deadlines["total"] = deadline

    @property
    def deadline(self) -> float | None:
        """When the total is over, or None."""
        return self._deadlines.get("total")

    def start(self) -> None:
        """The request is about to be sent, over a connection that has to be found or made."""
        self.connecting, self.answering = True, False
        self._deadlines.pop("first_byte", None)
        if "total" not in self._deadlines:
            self._set("total", self.timeout.total)
        self._set("connect", self.timeout.connect)

    def connected(self) -> None:
        """There is a connection."""
        self.connecting = False
        self._deadlines.pop("connect", None)
        self._set("first_byte", self.timeout.first_byte)

    def answered(self) -> None:
        """The head of the answer is here."""
        self._deadlines.pop("first_byte", None)
        if self.timeout.idle is not None:
            self._allowances["idle"] = self.timeout.idle
        self.heard()

    def heard(self) -> None:
        """An event has been handed out, and no mere keep-alive; the next one is asked for.

        However much comes that is none, the silence of events is counted from here.
        """
        self._set("event_idle", self.timeout.event_idle)

    def spare(self, seconds: float) -> None:
        """Do not count *seconds* as the server's silence: the reader was not waiting."""
        for limit in _SILENCES:
            if limit in self._deadlines:
                self._deadlines[limit] += seconds

    def end_in(self, seconds: float | None) -> None:
        """What matters is here: wait for the rest so long, or (None) as before."""
        self._deadlines.pop("grace", None)
        if seconds is None:
            self.heard()
        else:  # no event has to come any more
            self._deadlines.pop("event_idle", None)
        self._set("grace", seconds)

    def left(self) -> float:
        """Return how many seconds the next wait may take.

        Raises:
            TimeoutError: A limit has run out; `limit` says which.
        """
        now = time.monotonic()
        left = _FOREVER
        self.limit = None
        for limit, deadline in self._deadlines.items():
            if deadline - now < left:
                left, self.limit = deadline - now, limit
        for limit, allowance in self._allowances.items():
            if allowance < left:
                left, self.limit = allowance, limit
        if left <= 0:
            raise TimeoutError(f"{self.limit} is over")
        return left

    def _set(self, limit: Limit, seconds: float | None) -> None:
        if seconds is not None:
            self._deadlines[limit] = time.monotonic() + seconds
