"""The timeouts of one exchange, without a thread: each wait may take only what is left."""

from __future__ import annotations

import math
import time
from typing import Literal, TypeAlias

from openai_scan.errors import ConnectTimeoutError, StreamTimeoutError
from openai_scan.transport.settings import Timeout
from openai_scan.waiting import LONGEST_WAIT, is_over

Limit: TypeAlias = Literal["connect", "first_byte", "idle", "event_idle", "total", "grace"]
"""The limits: those of `Timeout`, and the time for what may follow the end of a stream."""


class Clock:
    """Says how long the next wait may take. It is told when each phase of the exchange begins.

    Args:
        timeout: The limits.
        deadline: When the limit `total` expires, by `time.monotonic()`, if an earlier attempt at
            the same call has started it.

    Attributes:
        asked_at: When `left()` was last called, by `time.monotonic()`.
        limit: The limit that expires first, as of the last call of `left()`.
        connecting: Whether there is no connection yet, so that nothing was sent.
        answering: Whether any byte of the answer has arrived.
    """

    limit: Limit | None = None
    connecting: bool = False
    answering: bool = False

    def __init__(self, timeout: Timeout, deadline: float | None = None) -> None:
        self.timeout = timeout
        # Deadlines are absolute; the allowance starts again with each wait.
        self._deadlines: dict[Limit, float] = {}
        self.asked_at = self._left = 0.0  # of the last wait
        if deadline is not None:
            self._deadlines["total"] = deadline
        self._idle: float = LONGEST_WAIT
        self._idle_limit: Limit | None = None
        # Nearly every wait follows an event, so its limit is kept apart from the others.
        self._event_idle = math.inf if timeout.event_idle is None else timeout.event_idle
        self._silent_until = math.inf
        self._heard = False

    @property
    def deadline(self) -> float | None:
        """When the limit `total` expires, or None."""
        return self._deadlines.get("total")

    def start(self) -> None:
        """Note that the request is about to be sent, over a connection yet to be found or made."""
        self.connecting, self.answering = True, False
        self._deadlines.pop("first_byte", None)
        if "total" not in self._deadlines:
            self._set("total", self.timeout.total)
        self._set("connect", self.timeout.connect)

    def connected(self) -> None:
        """Note that there is a connection."""
        self.connecting = False
        self._deadlines.pop("connect", None)
        self._set("first_byte", self.timeout.first_byte)

    def answered(self) -> None:
        """Note that the response headers have arrived."""
        self._deadlines.pop("first_byte", None)
        if self.timeout.idle is not None:
            self._idle, self._idle_limit = self.timeout.idle, "idle"
        self._silent_until = time.monotonic() + self._event_idle

    def heard(self) -> None:
        """Note that an event (not a keep-alive) was delivered and the next one is requested.

        The limit `event_idle` starts again with the next wait, but not with bytes that contain no
        event. It does not start again after the end, which may be the event that was delivered.
        """
        self._heard = "grace" not in self._deadlines

    def spare(self, seconds: float) -> None:
        """Do not count *seconds* as the server's silence: the reader was not waiting."""
        self._silent_until += seconds
        if "grace" in self._deadlines:
            self._deadlines["grace"] += seconds

    def end_in(self, seconds: float | None) -> None:
        """The answer is complete: wait at most *seconds* for what follows, or lift that (None)."""
        self._deadlines.pop("grace", None)
        self._heard = seconds is None
        self._silent_until = math.inf  # no event needs to come now, unless the limit is lifted
        self._set("grace", seconds)

    def left(self) -> float:
        """Return how many seconds the next wait may take.

        Raises:
            TimeoutError: A limit has expired; `limit` is its name.
        """
        now = time.monotonic()
        if self._heard:
            self._heard = False
            self._silent_until = now + self._event_idle
            left = self._event_idle  # exactly the same each time, without a rounding error
        else:
            left = self._silent_until - now
        self.limit = "event_idle"
        if self._idle < left:
            left, self.limit = self._idle, self._idle_limit
        for limit, deadline in self._deadlines.items():
            if deadline - now < left:
                left, self.limit = deadline - now, limit
        self.asked_at, self._left = now, left
        if left <= 0:
            raise TimeoutError(f"{self.limit} is over")
        return left

    def ran_out(self) -> bool:
        """Return whether the last wait took about as long as it was allowed to."""
        return is_over(self.asked_at, self._left)

    def overdue(self, where: str) -> StreamTimeoutError:
        """Return the error for the limit that expired in the last wait.

        Args:
            where: The server's base URL, for the message.
        """
        timeout, limit = self.timeout, self.limit
        if self.connecting:
            seconds = timeout.total if limit == "total" else timeout.connect
            message = f"no connection to {where} within {limit}={seconds:g} s"
            return ConnectTimeoutError(message, limit=limit)
        match limit:
            case "first_byte":
                message = f"no answer from {where} within first_byte={timeout.first_byte:g} s"
            case "idle":
                message = f"no data arrived for idle={timeout.idle:g} s"
            case "event_idle":
                message = f"no event arrived for event_idle={timeout.event_idle:g} s"
            case "total":
                message = f"the answer took longer than total={timeout.total:g} s"
            case _:  # not one of the user's limits; see LiveSource.expire()
                message = "the server kept the connection open after the answer"
                limit = None
        return StreamTimeoutError(message, limit=limit)

    def _set(self, limit: Limit, seconds: float | None) -> None:
        if seconds is not None:
            self._deadlines[limit] = time.monotonic() + seconds
