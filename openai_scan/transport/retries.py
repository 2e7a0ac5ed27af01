"""Decide whether a failed request is sent again, and when."""

from __future__ import annotations

import math
import random
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import timezone

import attrs
from attrs import field, frozen

from openai_scan.errors import (
    APIError,
    ConnectError,
    ScanError,
    TLSError,
    TransportError,
    TruncatedStreamError,
)
from openai_scan.transport.settings import RetryPolicy
from openai_scan.waiting import LONGEST_WAIT

# More than any wait needs; 2.0 ** 1024 would be an OverflowError.
_MOST_DOUBLINGS = 1000


@frozen(kw_only=True)
class Attempt:
    """Which attempt of a call an exchange is.

    Attributes:
        number: Which consecutive failed attempt this is, counting from 1.
        pause: How many seconds to wait before it.
        deadline: When the time for the whole call runs out, or None; see `Clock`.
        position: The number of the event after which it resumes the answer; None if it starts
            from the beginning.
        key: Tells the server that two requests are the same call.
    """

    number: int = 1
    pause: float = 0.0
    deadline: float | None = None
    position: int | None = None
    key: str = field(factory=lambda: f"openai-scan-{secrets.token_hex(16)}")

    def again(self, error: ScanError, policy: RetryPolicy) -> Attempt | None:
        """Return the attempt that repeats the request after *error*; None if it must not be."""
        return self._next(error, policy) if _is_safe(error, policy) else None

    def onward(self, error: ScanError, policy: RetryPolicy, *, position: int) -> Attempt | None:
        """Return the attempt that resumes an answer that broke off; None if none may follow.

        Args:
            error: How it broke off.
            policy: How many attempts are allowed.
            position: The number of the last event that arrived. If it is not beyond the one after
                which this attempt began, this attempt counts as failed.
        """
        if not _is_break(error):
            return None
        got_on = self.position is None or position > self.position
        last = attrs.evolve(self, number=1 if got_on else self.number, position=position)
        return last._next(error, policy)  # noqa: SLF001 - our own class

    def _next(self, error: ScanError, policy: RetryPolicy) -> Attempt | None:
        if self.number >= policy.attempts:
            return None
        pause = min(backoff(self.number, policy), LONGEST_WAIT)
        if isinstance(error, APIError) and error.retry_after is not None:
            pause = error.retry_after
            if pause > min(policy.max_retry_after, LONGEST_WAIT):
                error.not_retried = f"the server asks to wait {pause:.12g} s, which is too long"
                return None
        if self.deadline is not None and time.monotonic() + pause >= self.deadline:
            return None
        return attrs.evolve(self, number=self.number + 1, pause=pause)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the server asks to wait; None if it does not, or not intelligibly."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(name, "")) * unit
        if 0 <= seconds < math.inf:
            return seconds
    date = headers.get("retry-after")
    return None if date is None else _seconds_until(date)


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """Return what the server says about retrying; None if it says nothing."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower())


def backoff(
    number: int,
    policy: RetryPolicy,
    draw: Callable[[], float] = random.random,  # reseeded after a fork, so processes differ
) -> float:
    """Return the seconds to wait after the attempt *number*, counting from 1.

    This is exponential backoff with full jitter: any time between 0 and
    `min(wait_max, wait_initial * 2 ** (number - 1))`, all equally likely. After a fixed wait, all
    clients that failed at the same moment would also return at the same moment.

    Args:
        number: Which attempt has failed.
        policy: The bounds.
        draw: Returns a random number from 0 up to 1.
    """
    longest = policy.wait_initial * 2.0 ** min(number - 1, _MOST_DOUBLINGS)
    return draw() * min(policy.wait_max, longest)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _seconds_until(date: str) -> float | None:
    """Return how many seconds are left until *date*, 0 if it is past; None if it is not a date."""
    from email.utils import parsedate_to_datetime  # slow to load, and dates are rare

    try:
        moment = parsedate_to_datetime(date)
        # RFC 9110, section 5.6.7: all three date formats are in GMT. One of them does not say so,
        # and neither does the zone `-0000`: Python would take both for local time.
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return max(0.0, moment.timestamp() - time.time())
    except (ValueError, OverflowError):  # a year may have any number of digits
        return None


def _is_safe(error: ScanError, policy: RetryPolicy) -> bool:
    """Return whether the same request may be sent again."""
    match error:
        case APIError():
            return error.retryable
        case ConnectError():
            return not _is_lasting(error)
        case TransportError() | TruncatedStreamError():
            return policy.resend
        case _:
            return False


def _is_break(error: ScanError) -> bool:
    """Return whether an answer broke off, or could not be resumed for the moment."""
    match error:
        case APIError(status=int()):
            return error.retryable
        case ConnectError():
            return not _is_lasting(error)
        case TransportError() | TruncatedStreamError():
            return True
        case _:
            return False


def _is_lasting(error: ConnectError) -> bool:
    """Return whether the next attempt would fail in the same way.

    The certificate, the setting, or the proxy's refusal would be the same.
    """
    by_setting = isinstance(error, TLSError) and error.variable is not None
    status = error.proxy_status
    by_proxy = status is not None and status < 500 and status not in (408, 429)
    return error.certificate_refused or by_setting or by_proxy
